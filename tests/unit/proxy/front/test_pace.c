/* SPDX-License-Identifier: Apache-2.0 */
/* test_pace.c - what the kernel is asked for, under loads of every kind. */
#include "proxy/front/pace.h"

#include <sched.h>

#include "tests/support/suite.h"

#define SOON_US  1000
#define LATER_US 1000000

static struct pace pace;

static void setup(void)
{
    const struct sched_param no_priority = { 0 };

    pace = (struct pace){ 0 };
    ck_assert_int_eq(sched_setscheduler(0, SCHED_OTHER, &no_priority), 0);
}

START_TEST(one_call_after_the_other_takes_the_processor)
{
    for (int64_t now_us = 0; now_us < LATER_US; now_us += SOON_US)
        pace_note(&pace, 1, now_us);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
}
END_TEST

START_TEST(many_calls_make_it_wait_for_its_turn)
{
    pace_note(&pace, 16, SOON_US);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
}
END_TEST

START_TEST(pause_in_a_load_changes_nothing)
{
    for (int64_t now_us = 0; now_us < LATER_US; now_us += 10 * SOON_US) {
        pace_note(&pace, 16, now_us);
        pace_note(&pace, 0, now_us + SOON_US);
        ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
    }
}
END_TEST

START_TEST(after_the_load_one_call_takes_the_processor_again)
{
    pace_note(&pace, 16, 0);
    pace_note(&pace, 1, LATER_US);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_OTHER);
    pace_note(&pace, 16, LATER_US + SOON_US);
    ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
}
END_TEST

SUITE_WITH_FIXTURE("front: pace", setup, NULL, one_call_after_the_other_takes_the_processor,
                   many_calls_make_it_wait_for_its_turn, pause_in_a_load_changes_nothing,
                   after_the_load_one_call_takes_the_processor_again);
