/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks again, and who sleeps: told by a clock that the test moves. */
#include "proxy/busy_poll.h"
#include "tests/support/suite.h"

#define BUDGET 250

static struct busy_poll busy;
static int64_t now_us;

static void setup(void)
{
    busy = (struct busy_poll){ .budget_us = BUDGET };
    now_us = 1000000;
}

/* One wait in which something comes after @us. Returns how often it was looked for, each look taking @look_us. */
static unsigned wait_for(int64_t us, int64_t look_us)
{
    int64_t begun_us = now_us;
    unsigned looks = 0;

    busy_poll_begin(&busy, now_us);
    while (now_us < begun_us + us && busy_poll_again(&busy, now_us)) {
        looks++;
        now_us += look_us;
    }
    if (now_us < begun_us + us)
        now_us = begun_us + us;
    busy_poll_end(&busy, now_us);
    return looks;
}

START_TEST(first_wait_is_slept_through)
{
    ck_assert_uint_eq(wait_for(100, 10), 0);
}
END_TEST

START_TEST(wait_after_a_short_one_asks_until_something_comes)
{
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(100, 10), 10);
    ck_assert_uint_eq(wait_for(50, 10), 5);
}
END_TEST

START_TEST(wait_longer_than_the_budget_is_asked_through_for_the_budget_only)
{
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(10 * BUDGET, 10), BUDGET / 10);
}
END_TEST

START_TEST(wait_after_one_below_two_budgets_asks_and_after_two_budgets_sleeps)
{
    wait_for(2 * BUDGET - 1, 10);
    ck_assert_uint_gt(wait_for(2 * BUDGET, 10), 0);
    ck_assert_uint_eq(wait_for(100, 10), 0);
    ck_assert_uint_gt(wait_for(100, 10), 0);
}
END_TEST

/* Whoever else ran in between used the time up. */
START_TEST(look_that_takes_longer_than_the_budget_is_the_last)
{
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(10 * BUDGET, 3 * BUDGET), 1);
}
END_TEST

/* The first wait afterwards would have been worth it. */
START_TEST(processor_that_others_work_on_is_left_to_them_for_a_while)
{
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(10000, 1500), 1);
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(100, 10), 0);
    now_us += 100000;
    ck_assert_uint_eq(wait_for(100, 10), 10);
}
END_TEST

START_TEST(wait_that_was_slept_through_is_no_sign_of_others)
{
    wait_for(100, 10);
    wait_for(100000, 10);
    wait_for(100, 10);
    ck_assert_uint_eq(wait_for(100, 10), 10);
}
END_TEST

START_TEST(without_a_budget_nobody_ever_asks)
{
    busy.budget_us = 0;
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(wait_for(0, 1), 0);
    ck_assert_uint_eq(wait_for(1, 1), 0);
}
END_TEST

SUITE_WITH_FIXTURE("busy_poll", setup, NULL, first_wait_is_slept_through,
                   wait_after_a_short_one_asks_until_something_comes,
                   wait_longer_than_the_budget_is_asked_through_for_the_budget_only,
                   wait_after_one_below_two_budgets_asks_and_after_two_budgets_sleeps,
                   look_that_takes_longer_than_the_budget_is_the_last,
                   processor_that_others_work_on_is_left_to_them_for_a_while,
                   wait_that_was_slept_through_is_no_sign_of_others, without_a_budget_nobody_ever_asks);
