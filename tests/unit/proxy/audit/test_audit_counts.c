/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_counts.c - a table that grows, and forgets only what the store knows. */
#include "proxy/audit/audit_counts.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

static struct audit_counts counts;

static void teardown(void)
{
    audit_counts_clear(&counts);
}

/* A name that begins like many others: they all want the same place. */
static void name_of(unsigned number, uint8_t ret[KEY_NAME_LEN])
{
    memset(ret, 0, KEY_NAME_LEN);
    memcpy(ret + KEY_NAME_LEN - sizeof(number), &number, sizeof(number));
    ret[0] = (uint8_t)(number % 16);
}

static void set_at(unsigned number, uint64_t signatures, uint64_t sequence)
{
    uint8_t name[KEY_NAME_LEN];

    name_of(number, name);
    ck_assert_int_eq(audit_counts_reserve(&counts), 0);
    audit_counts_set(&counts, name, signatures, sequence, true);
}

static void set(unsigned number, uint64_t signatures)
{
    set_at(number, signatures, 1);
}

static const struct audit_count *find(unsigned number)
{
    uint8_t name[KEY_NAME_LEN];

    name_of(number, name);
    return audit_counts_find(&counts, name);
}

START_TEST(empty_table_knows_nothing)
{
    ck_assert_ptr_null(find(0));
}
END_TEST

START_TEST(keys_that_want_the_same_place_are_kept_apart)
{
    for (unsigned i = 0; i < 1000; i++)
        set(i, i + 1);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(find(i)->signatures, i + 1);
    ck_assert_ptr_null(find(1000));
    ck_assert_uint_eq(counts.used, 1000);
}
END_TEST

START_TEST(count_that_is_set_again_takes_no_second_place)
{
    set(1, 1);
    set(1, 2);
    ck_assert_uint_eq(counts.used, 1);
    ck_assert_uint_eq(find(1)->signatures, 2);
}
END_TEST

START_TEST(few_clean_counts_are_kept)
{
    set(1, 5);
    audit_counts_clean(&counts, 1);
    ck_assert(!find(1)->is_dirty);
    ck_assert_uint_eq(find(1)->signatures, 5);
}
END_TEST

START_TEST(count_that_changed_since_stays_dirty)
{
    struct audit_count *dirty = NULL;
    size_t count = 0;

    set(1, 5);
    set(2, 7);
    ck_assert_int_eq(audit_counts_dirty(&counts, &dirty, &count), 0);
    ck_assert_uint_eq(count, 2);
    free(dirty);
    set_at(2, 8, 2); /* while the others are put into the store */
    audit_counts_clean(&counts, 1);
    ck_assert(!find(1)->is_dirty);
    ck_assert(find(2)->is_dirty);
    ck_assert_int_eq(audit_counts_dirty(&counts, &dirty, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(dirty[0].signatures, 8);
    free(dirty);
}
END_TEST

START_TEST(many_clean_counts_are_forgotten)
{
    for (unsigned i = 0; i < 8193; i++)
        set(i, 1);
    audit_counts_clean(&counts, 1);
    ck_assert_uint_eq(counts.used, 0);
    ck_assert_ptr_null(find(1));
    set(1, 2);
    ck_assert_uint_eq(find(1)->signatures, 2);
}
END_TEST

SUITE_WITH_FIXTURE("audit_counts", NULL, teardown, empty_table_knows_nothing,
                   keys_that_want_the_same_place_are_kept_apart,
                   count_that_is_set_again_takes_no_second_place, few_clean_counts_are_kept,
                   count_that_changed_since_stays_dirty, many_clean_counts_are_forgotten);
