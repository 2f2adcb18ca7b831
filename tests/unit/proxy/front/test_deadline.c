/* SPDX-License-Identifier: Apache-2.0 */
/* test_deadline.c - a wheel in an event loop of its own: nothing early, nothing lost, nothing that was cleared. */
#include "proxy/front/deadline.h"

#include <event2/event.h>

#include "proxy/front/context.h"
#include "tests/support/suite.h"

#define LAP_MS ((uint64_t)DEADLINE_GRAIN_MS * DEADLINE_ROWS)

static struct event_base *base;
static struct deadlines deadlines;
static unsigned passed;

static void setup(void)
{
    base = event_base_new();
    deadlines_init(&deadlines, base);
    passed = 0;
}

static void teardown(void)
{
    deadlines_clear(&deadlines);
    event_base_free(base);
}

static void count(void *context)
{
    (void)context;
    passed++;
}

/* Until @wanted have passed, or there is nothing left to wait for. */
static void turn_until(unsigned wanted)
{
    while (passed < wanted && event_base_loop(base, EVLOOP_ONCE) == 0)
        ;
}

START_TEST(deadline_passes_once_and_never_early)
{
    struct deadline deadline = { .passed = count };
    uint64_t at_ms = front_now_ms() + 70;

    deadline_set(&deadlines, &deadline, 70);
    turn_until(1);
    ck_assert_uint_eq(passed, 1);
    ck_assert_uint_ge(front_now_ms(), at_ms);
    ck_assert_uint_eq(deadline.at_ms, 0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 1); /* nothing is left that could wake the loop */
}
END_TEST

START_TEST(cleared_deadline_never_passes)
{
    struct deadline cleared = { .passed = count }, other = { .passed = count };

    deadline_set(&deadlines, &cleared, 1);
    deadline_set(&deadlines, &other, 1);
    deadline_clear(&cleared);
    deadline_clear(&cleared);
    turn_until(2);
    ck_assert_uint_eq(passed, 1);
}
END_TEST

START_TEST(deadline_may_be_moved_away_and_nearer)
{
    struct deadline away = { .passed = count }, nearer = { .passed = count };
    uint64_t at_ms = front_now_ms() + 150;

    deadline_set(&deadlines, &away, 1);
    deadline_set(&deadlines, &away, 150);
    deadline_set(&deadlines, &nearer, 3600000);
    deadline_set(&deadlines, &nearer, 1);
    turn_until(1);
    ck_assert_uint_eq(nearer.at_ms, 0);
    turn_until(2);
    ck_assert_uint_ge(front_now_ms(), at_ms);
}
END_TEST

START_TEST(deadline_laps_away_is_left_alone_by_its_row)
{
    struct deadline far = { .passed = count }, near = { .passed = count };

    deadline_set(&deadlines, &far, 40 + LAP_MS); /* the same row */
    deadline_set(&deadlines, &near, 40);
    turn_until(1);
    ck_assert_uint_eq(near.at_ms, 0);
    ck_assert_uint_ne(far.at_ms, 0);
    deadline_clear(&far);
}
END_TEST

struct chain {
    struct deadline deadline;
    struct deadline *victim;
};

static void clear_another(void *context)
{
    struct chain *chain = context;

    passed++;
    deadline_clear(chain->victim);
    deadline_set(&deadlines, &chain->deadline, 3600000);
}

/* Either comes first: whichever it is takes the other out of the list that is being walked. */
START_TEST(whoever_is_told_may_clear_another_of_the_same_row_and_be_set_again)
{
    struct chain one = { .deadline = { .passed = clear_another, .context = &one } };
    struct chain two = { .deadline = { .passed = clear_another, .context = &two }, .victim = &one.deadline };

    one.victim = &two.deadline;
    deadline_set(&deadlines, &one.deadline, 1);
    deadline_set(&deadlines, &two.deadline, 1);
    turn_until(1);
    ck_assert_uint_eq(passed, 1);
    ck_assert_uint_eq((one.deadline.at_ms != 0) + (two.deadline.at_ms != 0), 1);
    deadline_clear(&one.deadline);
    deadline_clear(&two.deadline);
}
END_TEST

SUITE_WITH_FIXTURE("front/deadline", setup, teardown, deadline_passes_once_and_never_early,
                   cleared_deadline_never_passes, deadline_may_be_moved_away_and_nearer,
                   deadline_laps_away_is_left_alone_by_its_row,
                   whoever_is_told_may_clear_another_of_the_same_row_and_be_set_again);
