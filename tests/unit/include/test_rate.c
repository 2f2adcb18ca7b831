/* SPDX-License-Identifier: Apache-2.0 */
/* test_rate.c - bursts, refilling, and keys that do not disturb each other. */
#include "include/rate.h"

#include "tests/support/suite.h"

#define SECOND_NS UINT64_C(1000000000)

static struct rate_table *table;
static const uint64_t ann = 0x10203, ben = 0x30201;

static void setup(void)
{
    ck_assert_int_eq(rate_new(10, &table), 0);
}

static void teardown(void)
{
    rate_free(table);
}

/* How many of @asked requests at one moment are let through. */
static unsigned let_through(uint64_t who, unsigned asked, uint64_t now_ns)
{
    unsigned count = 0;

    while (asked--)
        count += rate_take(table, who, now_ns);
    return count;
}

START_TEST(burst_is_twice_the_rate)
{
    ck_assert_uint_eq(let_through(ann, 100, SECOND_NS), 20);
}
END_TEST

START_TEST(empty_bucket_fills_at_the_rate)
{
    ck_assert_uint_eq(let_through(ann, 100, SECOND_NS), 20);
    ck_assert_uint_eq(let_through(ann, 100, SECOND_NS + SECOND_NS / 2), 5);
    ck_assert_uint_eq(let_through(ann, 100, 2 * SECOND_NS + SECOND_NS / 2), 10);
}
END_TEST

START_TEST(bucket_never_holds_more_than_a_burst)
{
    ck_assert_uint_eq(let_through(ann, 100, SECOND_NS), 20);
    ck_assert_uint_eq(let_through(ann, 100, 1000 * SECOND_NS), 20);
}
END_TEST

START_TEST(steady_requests_at_the_rate_are_never_refused)
{
    for (uint64_t i = 1; i <= 1000; i++)
        ck_assert(rate_take(table, ann, i * SECOND_NS / 10));
}
END_TEST

START_TEST(one_does_not_use_up_what_is_anothers)
{
    ck_assert_uint_eq(let_through(ann, 100, SECOND_NS), 20);
    ck_assert_uint_eq(let_through(ben, 100, SECOND_NS), 20);
}
END_TEST

START_TEST(refused_request_costs_nothing)
{
    ck_assert_uint_eq(let_through(ann, 100000, SECOND_NS), 20);
    ck_assert_uint_eq(let_through(ann, 1, SECOND_NS + SECOND_NS / 10), 1);
}
END_TEST

/* More keys than rows: none is refused for the sake of another. */
START_TEST(crowded_table_is_generous_not_unjust)
{
    for (uint64_t who = 0; who < 100000; who++)
        ck_assert(rate_take(table, who, SECOND_NS));
}
END_TEST

START_TEST(what_is_owed_is_paid_off_as_time_passes)
{
    ck_assert_uint_eq(rate_owed(table, ann, SECOND_NS), 0);
    rate_owe(table, ann, 5 * SECOND_NS, SECOND_NS);
    rate_owe(table, ann, 5 * SECOND_NS, 2 * SECOND_NS);
    ck_assert_uint_eq(rate_owed(table, ann, 2 * SECOND_NS), 9 * SECOND_NS);
    ck_assert_uint_eq(rate_owed(table, ben, 2 * SECOND_NS), 0);
    ck_assert_uint_eq(rate_owed(table, ann, 11 * SECOND_NS), 0);
    rate_owe(table, ann, SECOND_NS, 20 * SECOND_NS);
    ck_assert_uint_eq(rate_owed(table, ann, 20 * SECOND_NS), SECOND_NS);
}
END_TEST

SUITE_WITH_FIXTURE("include/rate", setup, teardown, burst_is_twice_the_rate, empty_bucket_fills_at_the_rate,
                   bucket_never_holds_more_than_a_burst, steady_requests_at_the_rate_are_never_refused,
                   one_does_not_use_up_what_is_anothers, refused_request_costs_nothing,
                   crowded_table_is_generous_not_unjust, what_is_owed_is_paid_off_as_time_passes);
