/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hsm/breaker.h"

#include "tests/support/suite.h"

/* What is heard, one a millisecond after the other from 1000 on. */
static struct breaker after(const enum breaker_event *events, size_t count)
{
    struct breaker breaker = { 0 };

    for (size_t i = 0; i < count; i++)
        breaker_hear(&breaker, events[i], 1000 + i);
    return breaker;
}

#define AFTER(...)                                                                                           \
    after((const enum breaker_event[]){ __VA_ARGS__ },                                                       \
          sizeof((const enum breaker_event[]){ __VA_ARGS__ }) / sizeof(enum breaker_event))

START_TEST(new_one_is_closed)
{
    struct breaker breaker = { 0 };

    ck_assert(breaker_is_closed(&breaker));
    ck_assert(!breaker_is_probe_due(&breaker, UINT64_MAX));
}
END_TEST

START_TEST(failed_call_asks_for_a_probe_and_opens_nothing)
{
    struct breaker breaker = AFTER(BREAKER_CALL_FAILED);

    ck_assert(breaker_is_closed(&breaker));
    ck_assert(breaker_is_probe_due(&breaker, 1000));
    breaker_hear(&breaker, BREAKER_PROBE_WELL, 1001);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    ck_assert(!breaker_is_probe_due(&breaker, 2000));
}
END_TEST

START_TEST(failed_probe_opens)
{
    struct breaker breaker = AFTER(BREAKER_CALL_FAILED, BREAKER_PROBE_FAILED),
                   idle = AFTER(BREAKER_PROBE_FAILED);

    ck_assert(!breaker_is_closed(&breaker));
    ck_assert(!breaker_is_closed(&idle));
    ck_assert(!breaker_is_probe_due(&idle, 1000 + BREAKER_WAIT_MIN_MS - 1));
    ck_assert(breaker_is_probe_due(&idle, 1000 + BREAKER_WAIT_MIN_MS));
}
END_TEST

START_TEST(two_probes_close_it_again)
{
    struct breaker breaker = AFTER(BREAKER_PROBE_FAILED, BREAKER_PROBE_WELL);

    ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
    ck_assert(!breaker_is_closed(&breaker));
    ck_assert(!breaker_is_probe_due(&breaker, 1001 + BREAKER_TRIAL_MS - 1));
    ck_assert(breaker_is_probe_due(&breaker, 1001 + BREAKER_TRIAL_MS));
    breaker_hear(&breaker, BREAKER_PROBE_WELL, 1200);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(half_open_one_that_fails_waits_longer)
{
    struct breaker breaker = AFTER(BREAKER_PROBE_FAILED, BREAKER_PROBE_WELL, BREAKER_PROBE_FAILED);

    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert(!breaker_is_probe_due(&breaker, 1002 + BREAKER_WAIT_MIN_MS));
    ck_assert(breaker_is_probe_due(&breaker, 1002 + 2 * BREAKER_WAIT_MIN_MS));
}
END_TEST

START_TEST(waits_grow_to_a_limit_and_then_it_is_given_up)
{
    struct breaker breaker = { 0 };
    uint64_t now_ms = 1000, waited_ms = 0;

    for (unsigned i = 0; i < BREAKER_PROBES_MAX - 1; i++) {
        breaker_hear(&breaker, BREAKER_PROBE_FAILED, now_ms);
        ck_assert_int_eq(breaker.state, BREAKER_OPEN);
        ck_assert_uint_ge(breaker.probe_at_ms - now_ms, waited_ms);
        waited_ms = breaker.probe_at_ms - now_ms;
        ck_assert_uint_le(waited_ms, BREAKER_WAIT_MAX_MS);
        now_ms += waited_ms;
    }
    breaker_hear(&breaker, BREAKER_PROBE_FAILED, now_ms);
    ck_assert_int_eq(breaker.state, BREAKER_GONE);
}
END_TEST

START_TEST(one_that_was_well_has_all_its_probes_again)
{
    struct breaker breaker =
        AFTER(BREAKER_PROBE_FAILED, BREAKER_PROBE_FAILED, BREAKER_PROBE_WELL, BREAKER_PROBE_WELL);

    ck_assert_uint_eq(breaker.probes_failed, 0);
    ck_assert_uint_eq(breaker.wait_ms, 0);
}
END_TEST

START_TEST(lost_session_is_the_end)
{
    struct breaker breaker = AFTER(BREAKER_CALL_FAILED, BREAKER_PROBE_LOST);

    ck_assert_int_eq(breaker.state, BREAKER_GONE);
    for (enum breaker_event event = 0; event < BREAKER_EVENTS; event++) {
        breaker_hear(&breaker, event, 2000);
        ck_assert_int_eq(breaker.state, BREAKER_GONE);
    }
    ck_assert(!breaker_is_closed(&breaker));
    ck_assert(!breaker_is_probe_due(&breaker, UINT64_MAX));
}
END_TEST

START_TEST(many_failures_within_seconds_open_though_probes_are_well)
{
    struct breaker breaker = { 0 };

    for (unsigned i = 1; i <= BREAKER_FAILURES_MAX; i++) {
        ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
        breaker_hear(&breaker, BREAKER_CALL_FAILED, 1000 + i);
        breaker_hear(&breaker, BREAKER_PROBE_WELL, 1000 + i);
    }
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert_uint_eq(breaker.failures, 0);
}
END_TEST

/* Whoever sends requests that fail at this rate takes no HSM out of service. */
START_TEST(failures_that_are_seldom_open_nothing)
{
    struct breaker breaker = { 0 };

    for (unsigned i = 1; i <= 10 * BREAKER_FAILURES_MAX; i++) {
        breaker_hear(&breaker, BREAKER_CALL_FAILED, 1000 + i * BREAKER_FORGET_MS);
        breaker_hear(&breaker, BREAKER_PROBE_WELL, 1000 + i * BREAKER_FORGET_MS);
        ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    }
}
END_TEST

START_TEST(call_that_fails_while_open_changes_nothing)
{
    struct breaker breaker = AFTER(BREAKER_PROBE_FAILED), before = breaker;

    breaker_hear(&breaker, BREAKER_CALL_FAILED, 1100);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert_uint_eq(breaker.probe_at_ms, before.probe_at_ms);
}
END_TEST

SUITE("breaker", new_one_is_closed, failed_call_asks_for_a_probe_and_opens_nothing, failed_probe_opens,
      two_probes_close_it_again, half_open_one_that_fails_waits_longer,
      waits_grow_to_a_limit_and_then_it_is_given_up, one_that_was_well_has_all_its_probes_again,
      lost_session_is_the_end, many_failures_within_seconds_open_though_probes_are_well,
      failures_that_are_seldom_open_nothing, call_that_fails_while_open_changes_nothing);
