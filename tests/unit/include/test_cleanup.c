/* SPDX-License-Identifier: Apache-2.0 */
/* test_cleanup.c - clean-up runs once, on every way out, and not for what was given away. */
#include "include/cleanup.h"

#include <errno.h>
#include <stdbool.h>

#include "include/table.h"
#include "tests/support/suite.h"

static int cleaned; /* how often thing_free() ran, in this case's own process */

static void thing_free(int *thing)
{
    cleaned++;
    free(thing);
}
DEFINE_CLEANUP(thing_free, int *);

static int *make(bool is_kept, bool is_given)
{
    CLEANUP(thing_free) int *thing = is_kept ? calloc(1, sizeof(*thing)) : NULL;

    return is_given ? TAKE(thing) : NULL;
}

START_TEST(leaving_the_block_frees_once)
{
    ck_assert_ptr_null(make(true, false));
    ck_assert_int_eq(cleaned, 1);
}
END_TEST

START_TEST(nothing_is_freed_where_nothing_was_made)
{
    ck_assert_ptr_null(make(false, false));
    ck_assert_int_eq(cleaned, 0);
}
END_TEST

START_TEST(what_was_taken_is_left_alone)
{
    int *thing = make(true, true);

    ck_assert_ptr_nonnull(thing);
    ck_assert_int_eq(cleaned, 0);
    free(thing);
}
END_TEST

static int guarded(int value)
{
    return_unless(value > 0, -EINVAL);
    return value;
}

START_TEST(a_broken_invariant_is_answered)
{
    ck_assert_int_eq(guarded(0), -EINVAL);
    ck_assert_int_eq(guarded(3), 3);
}
END_TEST

START_TEST(each_row_of_a_table_is_visited)
{
    static const int table[] = { 1, 2, 3 };
    const int *row;
    int sum = 0;

    for (EACH_ROW(row, table))
        sum += *row;
    ck_assert_int_eq(sum, 6);
    ck_assert_uint_eq(ARRAY_SIZE(table), 3);
}
END_TEST

SUITE("cleanup", leaving_the_block_frees_once, nothing_is_freed_where_nothing_was_made,
      what_was_taken_is_left_alone, a_broken_invariant_is_answered, each_row_of_a_table_is_visited);
