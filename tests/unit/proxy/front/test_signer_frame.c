/* SPDX-License-Identifier: Apache-2.0 */
/* test_signer_frame.c - replies are found behind their lengths, however they were cut. */
#include "proxy/front/signer_frame.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "tests/support/suite.h"

/* id 5; then id 6 */
static const uint8_t two[] = { 0, 0, 0, 2, 8, 5, 0, 0, 0, 2, 8, 6 };

START_TEST(replies_are_taken_one_after_the_other)
{
    struct bytes input = BYTES_OF_ARRAY(two);
    Privyseal__V1__EnvelopeReply *reply;

    for (uint64_t id = 5; id <= 6; id++) {
        ck_assert_int_eq(signer_frame_read(&input, &reply), 0);
        ck_assert_uint_eq(reply->id, id);
        privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    }
    ck_assert_int_eq(signer_frame_read(&input, &reply), -EAGAIN);
    ck_assert_uint_eq(input.len, 0);
}
END_TEST

START_TEST(part_of_a_reply_is_left_where_it_is)
{
    Privyseal__V1__EnvelopeReply *reply;

    for (size_t len = 0; len < 6; len++) {
        struct bytes input = BYTES(two, len);

        ck_assert_int_eq(signer_frame_read(&input, &reply), -EAGAIN);
        ck_assert_uint_eq(input.len, len);
    }
}
END_TEST

START_TEST(what_is_too_long_or_no_reply_is_refused)
{
    static const uint8_t too_long[] = { 0xff, 0xff, 0xff, 0xff }, nonsense[] = { 0, 0, 0, 2, 0xff, 0xff };
    struct bytes input = BYTES_OF_ARRAY(too_long);
    Privyseal__V1__EnvelopeReply *reply;

    ck_assert_int_eq(signer_frame_read(&input, &reply), -EBADMSG);
    input = BYTES_OF_ARRAY(nonsense);
    ck_assert_int_eq(signer_frame_read(&input, &reply), -EBADMSG);
}
END_TEST

START_TEST(envelope_is_written_behind_its_length)
{
    CLEANUP(buffer_clear) struct buffer output = { 0 };
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;
    static const uint8_t expected[] = { 'x', 0, 0, 0, 2, 8, 5 };

    buffer_append_u8(&output, 'x'); /* what was there before stays */
    envelope.id = 5;
    ck_assert_int_eq(signer_frame_write(&output, &envelope), 0);
    ck_assert(bytes_equal(buffer_bytes(&output), BYTES_OF_ARRAY(expected)));
    output.limit = output.len;
    ck_assert_int_eq(signer_frame_write(&output, &envelope), -ENOMEM);
}
END_TEST

SUITE("front/signer_frame", replies_are_taken_one_after_the_other, part_of_a_reply_is_left_where_it_is,
      what_is_too_long_or_no_reply_is_refused, envelope_is_written_behind_its_length);
