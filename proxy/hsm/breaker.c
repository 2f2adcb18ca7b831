/* SPDX-License-Identifier: Apache-2.0 */
/* breaker.c - a table of what follows what, and the waits that go with it. */
#include "proxy/hsm/breaker.h"

/* A call may fail in any state, being on its way when the state changed: only a closed breaker learns from it. */
static const enum breaker_state next_states[BREAKER_STATES][BREAKER_EVENTS] = {
    [BREAKER_CLOSED] = { [BREAKER_CALL_FAILED] = BREAKER_SUSPECT,
                         [BREAKER_PROBE_WELL] = BREAKER_CLOSED,
                         [BREAKER_PROBE_FAILED] = BREAKER_OPEN,
                         [BREAKER_PROBE_LOST] = BREAKER_GONE },
    [BREAKER_SUSPECT] = { [BREAKER_CALL_FAILED] = BREAKER_SUSPECT,
                          [BREAKER_PROBE_WELL] = BREAKER_CLOSED,
                          [BREAKER_PROBE_FAILED] = BREAKER_OPEN,
                          [BREAKER_PROBE_LOST] = BREAKER_GONE },
    [BREAKER_OPEN] = { [BREAKER_CALL_FAILED] = BREAKER_OPEN,
                       [BREAKER_PROBE_WELL] = BREAKER_HALF_OPEN,
                       [BREAKER_PROBE_FAILED] = BREAKER_OPEN,
                       [BREAKER_PROBE_LOST] = BREAKER_GONE },
    [BREAKER_HALF_OPEN] = { [BREAKER_CALL_FAILED] = BREAKER_HALF_OPEN,
                            [BREAKER_PROBE_WELL] = BREAKER_CLOSED,
                            [BREAKER_PROBE_FAILED] = BREAKER_OPEN,
                            [BREAKER_PROBE_LOST] = BREAKER_GONE },
    [BREAKER_GONE] = { BREAKER_GONE, BREAKER_GONE, BREAKER_GONE, BREAKER_GONE },
};

static void count_failure(struct breaker *breaker, uint64_t now_ms)
{
    while (breaker->failures && breaker->forget_at_ms <= now_ms) {
        breaker->failures--;
        breaker->forget_at_ms += BREAKER_FORGET_MS;
    }
    if (!breaker->failures)
        breaker->forget_at_ms = now_ms + BREAKER_FORGET_MS;
    breaker->failures++;
}

static enum breaker_state follow(const struct breaker *breaker, enum breaker_event event)
{
    enum breaker_state next = next_states[breaker->state][event];

    if (breaker->state == BREAKER_SUSPECT && next == BREAKER_CLOSED &&
        breaker->failures >= BREAKER_FAILURES_MAX)
        return BREAKER_OPEN;
    if (next == BREAKER_OPEN && breaker->probes_failed >= BREAKER_PROBES_MAX)
        return BREAKER_GONE;
    return next;
}

/* How long until the next probe, having come to @next. */
static uint64_t wait_of(struct breaker *breaker, enum breaker_state next)
{
    switch (next) {
    case BREAKER_OPEN:
        breaker->wait_ms = breaker->wait_ms ? 2 * breaker->wait_ms : BREAKER_WAIT_MIN_MS;
        if (breaker->wait_ms > BREAKER_WAIT_MAX_MS)
            breaker->wait_ms = BREAKER_WAIT_MAX_MS;
        return breaker->wait_ms;
    case BREAKER_HALF_OPEN:
        return BREAKER_TRIAL_MS;
    default: /* a suspect is asked at once */
        return 0;
    }
}

void breaker_hear(struct breaker *breaker, enum breaker_event event, uint64_t now_ms)
{
    bool is_probe = event != BREAKER_CALL_FAILED;
    enum breaker_state next;

    if (!is_probe)
        count_failure(breaker, now_ms);
    if (event == BREAKER_PROBE_FAILED)
        breaker->probes_failed++;
    next = follow(breaker, event);
    if (next == BREAKER_CLOSED)
        *breaker = (struct breaker){ .failures = breaker->failures, .forget_at_ms = breaker->forget_at_ms };
    else if (is_probe || next != breaker->state)
        breaker->probe_at_ms = now_ms + wait_of(breaker, next);
    if (next == BREAKER_OPEN && breaker->state == BREAKER_SUSPECT)
        breaker->failures = 0; /* they have had their effect */
    breaker->state = next;
}

bool breaker_is_probe_due(const struct breaker *breaker, uint64_t now_ms)
{
    return breaker->state != BREAKER_CLOSED && breaker->state != BREAKER_GONE &&
           now_ms >= breaker->probe_at_ms;
}

bool breaker_is_closed(const struct breaker *breaker)
{
    return breaker->state == BREAKER_CLOSED || breaker->state == BREAKER_SUSPECT;
}
