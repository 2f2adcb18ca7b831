/* SPDX-License-Identifier: Apache-2.0 */
/* test_bytes.c - buffers that remember failure, readers that never read beyond, and text forms. */
#include "include/bytes.h"

#include <errno.h>
#include <string.h>

#include "tests/support/failing_allocator.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

START_TEST(empty_runs_are_equal_whatever_they_point_to)
{
    ck_assert(bytes_equal(BYTES_NONE, BYTES("x", 0)));
    ck_assert(bytes_equal(bytes_of_text(NULL), bytes_of_text("")));
    ck_assert(!bytes_equal(bytes_of_text("a"), bytes_of_text("ab")));
    ck_assert(!bytes_equal(bytes_of_text("a"), bytes_of_text("b")));
}
END_TEST

START_TEST(numbers_are_appended_big_endian)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    buffer_append_u8(&buffer, 0x01);
    buffer_append_u32(&buffer, 0x02030405);
    buffer_append_u64(&buffer, 0x060708090a0b0c0d);
    buffer_append_text(&buffer, "A");
    assert_hex(buffer_bytes(&buffer), "0102030405060708090a0b0c0d41");
}
END_TEST

START_TEST(growing_keeps_the_content)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    for (int i = 0; i < 1000; i++)
        buffer_append_u8(&buffer, (uint8_t)i);
    ck_assert(!buffer.failed);
    ck_assert_uint_eq(buffer.len, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(buffer.data[i], (uint8_t)i);
}
END_TEST

START_TEST(appending_beyond_the_limit_fails_for_good)
{
    CLEANUP(buffer_clear) struct buffer buffer = { .limit = 4 };

    buffer_append_u32(&buffer, 1);
    ck_assert(!buffer.failed);
    buffer_append_u8(&buffer, 1);
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.len, 4);
    buffer_append(&buffer, BYTES_NONE);
    ck_assert(buffer.failed);
}
END_TEST

START_TEST(a_length_near_the_end_of_size_t_does_not_wrap_around)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    buffer_append_u8(&buffer, 1);
    buffer_append(&buffer, BYTES("x", SIZE_MAX));
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.len, 1);
}
END_TEST

START_TEST(clearing_keeps_the_limit_and_forgets_the_failure)
{
    struct buffer buffer = { .limit = 1 };

    buffer_append_text(&buffer, "too long");
    buffer_clear(&buffer);
    ck_assert(!buffer.failed);
    ck_assert_uint_eq(buffer.limit, 1);
    ck_assert_ptr_null(buffer.data);
}
END_TEST

START_TEST(taken_memory_belongs_to_the_taker)
{
    struct buffer buffer = { 0 };
    size_t len = 0;
    uint8_t *taken;

    buffer_append_text(&buffer, "mine");
    taken = buffer_take(&buffer, &len);
    buffer_clear(&buffer);
    ck_assert_uint_eq(len, 4);
    ck_assert_mem_eq(taken, "mine", 4);
    free(taken);
}
END_TEST

START_TEST(a_failed_buffer_gives_nothing_away)
{
    CLEANUP(buffer_clear) struct buffer buffer = { .limit = 4 };
    size_t len = 0;

    buffer_append_text(&buffer, "four");
    buffer_append_text(&buffer, "more");
    ck_assert_ptr_null(buffer_take(&buffer, &len));
}
END_TEST

/* Whether the buffer says that it failed, when the allocation after @successes others does. */
static bool append_a_lot(int successes, bool *ret_has_failed)
{
    CLEANUP(buffer_clear) struct buffer buffer = { 0 };

    fail_allocation(successes);
    for (int i = 0; i < 300; i++)
        buffer_append_u64(&buffer, (uint64_t)i);
    *ret_has_failed = stop_failing();
    return buffer.failed;
}

START_TEST(every_allocation_that_fails_is_remembered)
{
    bool has_failed = true;
    int n = 0;

    while (has_failed)
        ck_assert(append_a_lot(n++, &has_failed) == has_failed);
    ck_assert_int_gt(n, 3);
}
END_TEST

START_TEST(a_reader_gives_fields_in_order)
{
    uint8_t memory[16];
    struct reader reader = reader_of(hex_bytes("0102030405060708090a0b0c0d4142", memory));

    ck_assert_uint_eq(reader_u8(&reader), 0x01);
    ck_assert_uint_eq(reader_u32(&reader), 0x02030405);
    ck_assert_uint_eq(reader_u64(&reader), 0x060708090a0b0c0d);
    ck_assert(!reader_done(&reader));
    ck_assert(bytes_equal(reader_run(&reader, 2), bytes_of_text("AB")));
    ck_assert(reader_done(&reader));
}
END_TEST

START_TEST(a_reader_that_failed_once_gives_nothing_more)
{
    struct reader reader = reader_of(bytes_of_text("abc"));

    ck_assert_uint_eq(reader_u32(&reader), 0);
    ck_assert(reader.failed);
    ck_assert_uint_eq(reader_u8(&reader), 0);
    ck_assert_uint_eq(reader_run(&reader, 0).len, 0);
    ck_assert(!reader_done(&reader));
}
END_TEST

START_TEST(an_empty_reader_is_done_at_once)
{
    struct reader reader = reader_of(BYTES_NONE);

    ck_assert(reader_done(&reader));
    ck_assert_uint_eq(reader_run(&reader, 0).len, 0);
    ck_assert(reader_done(&reader));
}
END_TEST

START_TEST(hexadecimal_survives_there_and_back)
{
    uint8_t bytes[4];

    ck_assert_int_eq(hex_decode("00ffA5b6", bytes, 4), 0);
    assert_hex(BYTES_OF_ARRAY(bytes), "00ffa5b6");
}
END_TEST

START_TEST(anything_but_the_right_number_of_digits_is_refused)
{
    static const char *const bad[] = { NULL, "", "00", "000000", "000", "0g00", "0x00", " 000", "00 0" };
    uint8_t bytes[2] = { 7, 7 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(hex_decode(bad[i], bytes, 2), -EINVAL);
    ck_assert_uint_eq(bytes[0], 7);
}
END_TEST

/* RFC 4648 10 (Test Vectors), with the URL alphabet and without padding. */
START_TEST(base64url_is_as_the_rfc_has_it)
{
    static const struct {
        const char *bytes, *text;
    } vectors[] = {
        { "", "" },           { "f", "Zg" },          { "fo", "Zm8" },          { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff", "-_8" }
    };
    char text[16];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        base64url_encode(bytes_of_text(vectors[i].bytes), text);
        ck_assert_str_eq(text, vectors[i].text);
    }
}
END_TEST

START_TEST(room_is_made_behind_and_bytes_are_dropped_in_front)
{
    CLEANUP(buffer_clear) struct buffer buffer = { .limit = 8 };

    buffer_append_text(&buffer, "abc");
    memcpy(buffer_extend(&buffer, 3), "def", 3);
    ck_assert(bytes_equal(buffer_bytes(&buffer), bytes_of_text("abcdef")));
    buffer_drop(&buffer, 4);
    ck_assert(bytes_equal(buffer_bytes(&buffer), bytes_of_text("ef")));
    ck_assert_ptr_null(buffer_extend(&buffer, 7));
    buffer_drop(&buffer, 2);
    ck_assert_ptr_null(buffer.data);
    ck_assert(buffer.failed); /* for good */
}
END_TEST

SUITE("bytes", empty_runs_are_equal_whatever_they_point_to, numbers_are_appended_big_endian,
      growing_keeps_the_content, appending_beyond_the_limit_fails_for_good,
      a_length_near_the_end_of_size_t_does_not_wrap_around, clearing_keeps_the_limit_and_forgets_the_failure,
      taken_memory_belongs_to_the_taker, a_failed_buffer_gives_nothing_away,
      every_allocation_that_fails_is_remembered, a_reader_gives_fields_in_order,
      a_reader_that_failed_once_gives_nothing_more, an_empty_reader_is_done_at_once,
      hexadecimal_survives_there_and_back, anything_but_the_right_number_of_digits_is_refused,
      base64url_is_as_the_rfc_has_it, room_is_made_behind_and_bytes_are_dropped_in_front);
