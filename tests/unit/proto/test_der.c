/* SPDX-License-Identifier: Apache-2.0 */
/* test_der.c - what was written is read; anything but the shortest form of it is not. */
#include "proto/der.h"

#include <string.h>

#include "include/table.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

static const size_t lengths[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff };

START_TEST(every_length_comes_back)
{
    static const uint8_t content[0xffff] = { 7 };

    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        CLEANUP(buffer_clear) struct buffer buffer = { 0 };
        struct reader reader;

        der_append(&buffer, DER_SEQUENCE, BYTES(content, lengths[i]));
        reader = reader_of(buffer_bytes(&buffer));
        ck_assert(der_is_next(&reader, DER_SEQUENCE));
        ck_assert_uint_eq(der_take(&reader, DER_SEQUENCE).len, lengths[i]);
        ck_assert(reader_done(&reader));
        reader = reader_of(buffer_bytes(&buffer));
        ck_assert(bytes_equal(der_take_whole(&reader, DER_SEQUENCE), buffer_bytes(&buffer)));
    }
}
END_TEST

START_TEST(longer_content_than_two_bytes_can_count_is_not_written)
{
    CLEANUP(free_bytes) uint8_t *content = calloc(1, 0x10000);
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    der_append(&buffer, DER_SEQUENCE, BYTES(content, 0x10000));
    ck_assert(buffer.failed);
}
END_TEST

/* Cut off; another tag; lengths that are longer than need be, indefinite, or of three bytes. */
static const char *const bad[] = { "",         "02",         "0202ff",     "0401ff",
                                   "028101ff", "02820001ff", "0280ff0000", "0283000001ff" };

START_TEST(what_is_not_der_is_refused)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t memory[16];
        struct bytes bytes = hex_bytes(bad[i], memory);
        struct reader reader = reader_of(bytes), whole = reader_of(bytes);

        (void)der_take(&reader, DER_INTEGER);
        ck_assert_msg(reader.failed, "%s was read", bad[i]);
        ck_assert_uint_eq(der_take_whole(&whole, DER_INTEGER).len, 0);
        ck_assert(whole.failed);
    }
}
END_TEST

START_TEST(a_number_stays_positive)
{
    static const struct {
        const char *number, *der;
    } numbers[] = { { "7f", "02017f" }, { "80", "02020080" }, { "010001", "0203010001" }, { "", "020100" } };

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        CLEANUP(buffer_clear) struct buffer buffer = { 0 };
        uint8_t memory[4];

        der_append_number(&buffer, hex_bytes(numbers[i].number, memory));
        assert_hex(buffer_bytes(&buffer), numbers[i].der);
    }
}
END_TEST

SUITE("der", every_length_comes_back, longer_content_than_two_bytes_can_count_is_not_written,
      what_is_not_der_is_refused, a_number_stays_positive);
