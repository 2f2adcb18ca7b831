/* SPDX-License-Identifier: Apache-2.0 */
/* test_grpc_frame.c - the small syntaxes of gRPC, well formed and not. */
#include "proxy/front/grpc_frame.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"

START_TEST(one_message_is_found_behind_its_prefix)
{
    static const uint8_t body[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c' };
    struct bytes message = BYTES_NONE;

    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), 0);
    ck_assert(bytes_equal(message, bytes_of_text("abc")));
}
END_TEST

START_TEST(empty_message_is_a_message)
{
    static const uint8_t body[] = { 0, 0, 0, 0, 0 };
    struct bytes message = bytes_of_text("untouched");

    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), 0);
    ck_assert_uint_eq(message.len, 0);
}
END_TEST

START_TEST(every_cut_of_a_message_is_refused)
{
    static const uint8_t body[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c' };
    struct bytes message;

    for (size_t len = 0; len < sizeof(body); len++)
        ck_assert_int_eq(grpc_frame_open(BYTES(body, len), &message), -EBADMSG);
}
END_TEST

START_TEST(bytes_behind_the_message_are_refused)
{
    static const uint8_t body[] = { 0, 0, 0, 0, 1, 'a', 0 };
    struct bytes message;

    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), -EBADMSG);
}
END_TEST

START_TEST(length_beyond_all_memory_is_refused)
{
    static const uint8_t body[] = { 0, 0xff, 0xff, 0xff, 0xff, 'a' };
    struct bytes message;

    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), -EBADMSG);
}
END_TEST

START_TEST(compressed_message_is_told_apart_from_a_bad_flag)
{
    uint8_t body[] = { 1, 0, 0, 0, 1, 'a' };
    struct bytes message;

    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), -EOPNOTSUPP);
    body[0] = 2;
    ck_assert_int_eq(grpc_frame_open(BYTES_OF_ARRAY(body), &message), -EBADMSG);
}
END_TEST

START_TEST(what_is_appended_can_be_opened)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };
    struct bytes message;

    grpc_frame_append(&buffer, bytes_of_text("hello"));
    ck_assert_int_eq(grpc_frame_open(buffer_bytes(&buffer), &message), 0);
    ck_assert(bytes_equal(message, bytes_of_text("hello")));
}
END_TEST

START_TEST(timeouts_become_milliseconds_rounded_up)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        { "1H", 3600000 },
        { "2M", 120000 },
        { "3S", 3000 },
        { "250m", 250 },
        { "1u", 1 },
        { "1000u", 1 },
        { "1001u", 2 },
        { "1n", 1 },
        { "0S", 0 },
        { "007m", 7 },
        { "99999999H", UINT64_C(359999996400000) },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t ms = UINT64_MAX;

        ck_assert_int_eq(grpc_timeout_parse(cases[i].text, &ms), 0);
        ck_assert_msg(ms == cases[i].ms, "%s: %" PRIu64, cases[i].text, ms);
    }
}
END_TEST

START_TEST(malformed_timeouts_are_refused)
{
    static const char *const cases[] = { "",    "S",    "5",   "5s", "5 S",        "-5S",
                                         "+5S", "5.0S", "5SS", "5h", "123456789S", "0x5S" };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t ms = 77;

        ck_assert_msg(grpc_timeout_parse(cases[i], &ms) == -EINVAL, "\"%s\" was taken", cases[i]);
        ck_assert_uint_eq(ms, 77);
    }
}
END_TEST

static const char *text_of(struct buffer *buffer)
{
    buffer_append_u8(buffer, 0);
    return (const char *)buffer->data;
}

START_TEST(message_keeps_printable_ascii_and_escapes_the_rest)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    grpc_message_append(&buffer, " ~100%\r\n\303\251");
    ck_assert_str_eq(text_of(&buffer), " ~100%25%0D%0A%C3%A9");
}
END_TEST

/* RFC 4648 10 (Test Vectors). */
START_TEST(binary_metadata_is_base64_as_in_rfc_4648)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\377\376\375", "//79" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buffer_clear) struct buffer buffer = { 0 };

        grpc_binary_append(&buffer, bytes_of_text(cases[i].bytes));
        ck_assert_str_eq(text_of(&buffer), cases[i].text);
    }
}
END_TEST

SUITE("front/grpc_frame", one_message_is_found_behind_its_prefix, empty_message_is_a_message,
      every_cut_of_a_message_is_refused, bytes_behind_the_message_are_refused,
      length_beyond_all_memory_is_refused, compressed_message_is_told_apart_from_a_bad_flag,
      what_is_appended_can_be_opened, timeouts_become_milliseconds_rounded_up, malformed_timeouts_are_refused,
      message_keeps_printable_ascii_and_escapes_the_rest, binary_metadata_is_base64_as_in_rfc_4648);
