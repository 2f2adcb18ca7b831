/* SPDX-License-Identifier: Apache-2.0 */
/* test_errands.c - what is tried next, and when what failed is tried again. */
#include "proxy/herald/errands.h"

#include <errno.h>

#include "tests/support/suite.h"

#define DAY_MS INT64_C(86400000)

static struct errands errands;

static void setup(void)
{
    errands_init(&errands, 3, 2);
}

static void teardown(void)
{
    errands_clear(&errands);
}

static void add(enum notice_kind kind, uint64_t number)
{
    ck_assert_int_eq(errands_add(&errands, kind, number, NULL, 0, DAY_MS), 0);
}

static struct errand *start_next(int64_t now_ms)
{
    struct errand *errand = errands_due(&errands, now_ms);

    ck_assert_ptr_nonnull(errand);
    errands_started(&errands, errand, 1000 + (pid_t)errand->number, now_ms + 10);
    return errand;
}

START_TEST(code_goes_before_news_that_came_first)
{
    add(NOTICE_NEWS, 1);
    add(NOTICE_CODE, 2);
    ck_assert_uint_eq(errands_due(&errands, 0)->number, 2);
}
END_TEST

START_TEST(news_leave_one_place_for_a_code)
{
    add(NOTICE_NEWS, 1);
    add(NOTICE_NEWS, 2);
    start_next(0);
    ck_assert_ptr_null(errands_due(&errands, 0));
    add(NOTICE_CODE, 3);
    start_next(0);
    add(NOTICE_CODE, 4);
    ck_assert_ptr_null(errands_due(&errands, 0));
}
END_TEST

START_TEST(failed_news_wait_twice_as_long_each_time)
{
    struct errand *errand;
    int64_t now_ms = 0;

    add(NOTICE_NEWS, 1);
    for (int64_t wait_ms = 5000; wait_ms <= 20000; wait_ms *= 2) {
        errand = start_next(now_ms);
        ck_assert(errands_ended(&errands, errand, now_ms));
        ck_assert_ptr_null(errands_due(&errands, now_ms + wait_ms - 1));
        now_ms += wait_ms;
    }
    ck_assert_ptr_nonnull(errands_due(&errands, now_ms));
}
END_TEST

START_TEST(news_that_failed_often_wait_an_hour_and_no_longer)
{
    struct errand *errand;

    add(NOTICE_NEWS, 1);
    errand = start_next(0);
    errand->tries = 100;
    ck_assert(errands_ended(&errands, errand, 0));
    ck_assert_int_eq(errand->due_ms, 3600000);
}
END_TEST

START_TEST(news_are_given_up_when_they_would_be_too_old)
{
    struct errand *errand;

    add(NOTICE_NEWS, 1);
    errand = start_next(DAY_MS - 1);
    ck_assert(!errands_ended(&errands, errand, DAY_MS - 1));
}
END_TEST

START_TEST(failed_code_is_not_tried_again)
{
    struct errand *errand;

    add(NOTICE_CODE, 1);
    errand = start_next(0);
    ck_assert(!errands_ended(&errands, errand, 0));
}
END_TEST

START_TEST(more_than_may_wait_are_refused)
{
    for (uint64_t i = 1; i <= 3; i++)
        add(NOTICE_NEWS, i);
    ck_assert_int_eq(errands_add(&errands, NOTICE_NEWS, 4, NULL, 0, DAY_MS), -ENOBUFS);
    add(NOTICE_CODE, 5);
    errands_remove(&errands, errands.first);
    add(NOTICE_NEWS, 6);
}
END_TEST

START_TEST(next_look_is_at_the_first_deadline_or_due_time)
{
    ck_assert_int_eq(errands_next_ms(&errands), INT64_MAX);
    add(NOTICE_NEWS, 1);
    ck_assert_int_eq(errands_next_ms(&errands), 0);
    start_next(0);
    ck_assert_int_eq(errands_next_ms(&errands), 10);
    add(NOTICE_NEWS, 2); /* has no place: only the first one's end changes that */
    ck_assert_int_eq(errands_next_ms(&errands), 10);
}
END_TEST

SUITE_WITH_FIXTURE("errands", setup, teardown, code_goes_before_news_that_came_first,
                   news_leave_one_place_for_a_code, failed_news_wait_twice_as_long_each_time,
                   news_that_failed_often_wait_an_hour_and_no_longer,
                   news_are_given_up_when_they_would_be_too_old, failed_code_is_not_tried_again,
                   more_than_may_wait_are_refused, next_look_is_at_the_first_deadline_or_due_time);
