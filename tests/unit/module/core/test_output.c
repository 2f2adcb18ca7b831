/* SPDX-License-Identifier: Apache-2.0 */
/* test_output.c - the rule of variable-length output, v3.1 5.2. */
#include "module/core/output.h"

#include <string.h>

#include "tests/support/suite.h"

START_TEST(no_buffer_asks_for_the_length)
{
    CK_ULONG len = 99;

    ck_assert_uint_eq(output_write(OUTPUT(NULL, &len), BYTES("abc", 3)), CKR_OK);
    ck_assert_uint_eq(len, 3);
}
END_TEST

START_TEST(small_buffer_learns_the_length_and_gets_nothing)
{
    CK_BYTE buffer[3] = "..";
    CK_ULONG len = 2;

    ck_assert_uint_eq(output_write(OUTPUT(buffer, &len), BYTES("abc", 3)), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(buffer, "..", 2);
}
END_TEST

START_TEST(exact_and_large_buffers_get_the_bytes_and_their_length)
{
    CK_BYTE buffer[8];

    for (CK_ULONG room = 3; room <= sizeof(buffer); room++) {
        CK_ULONG len = room;

        ck_assert_uint_eq(output_write(OUTPUT(buffer, &len), BYTES("abc", 3)), CKR_OK);
        ck_assert_uint_eq(len, 3);
        ck_assert_mem_eq(buffer, "abc", 3);
    }
}
END_TEST

START_TEST(nothing_needs_no_room)
{
    CK_BYTE buffer[1];
    CK_ULONG len = 0;

    ck_assert_uint_eq(output_write(OUTPUT(buffer, &len), BYTES_NONE), CKR_OK);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(lists_are_counted_in_elements)
{
    const CK_ULONG list[] = { 7, 8 };
    CK_ULONG room[2] = { 0 }, count = 1;

    ck_assert_uint_eq(output_write_list(OUTPUT(room, &count), list, 2, sizeof(list[0])),
                      CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(output_write_list(OUTPUT(room, &count), list, 2, sizeof(list[0])), CKR_OK);
    ck_assert_mem_eq(room, list, sizeof(list));
}
END_TEST

SUITE("output", no_buffer_asks_for_the_length, small_buffer_learns_the_length_and_gets_nothing,
      exact_and_large_buffers_get_the_bytes_and_their_length, nothing_needs_no_room,
      lists_are_counted_in_elements);
