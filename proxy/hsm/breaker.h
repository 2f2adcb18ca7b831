/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.h - whether an HSM is given work: a circuit breaker, as a state machine without a clock or an HSM of its own.
 *
 *     CLOSED --a call failed--> SUSPECT --probe failed--> OPEN --probe well--> HALF_OPEN --probe well--> CLOSED
 *                                  |                        |                      |
 *                              probe well               probe failed          probe failed
 *                                  v                        v                      v
 *                               CLOSED                  OPEN, longer             OPEN
 *
 * One call that failed proves little: the request may have been at fault, and whoever sends such requests must not be able
 * to take HSMs out of service. So what decides is a probe, a call of our own. Only many failures in a row of seconds, with
 * probes that are well in between, open the breaker too: an HSM that fails now and then is ill. An HSM whose session is
 * lost is GONE, and so is one that stays ill: the process ends, and the next begins with the library anew.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_WAIT_MIN_MS  250  /* from opening to the first probe; doubled by each that fails */
#define BREAKER_WAIT_MAX_MS  5000 /* so long may an HSM be well again before it is given work */
#define BREAKER_TRIAL_MS     100  /* between the two probes that close it */
#define BREAKER_PROBES_MAX   8    /* that failed in a row: about 20 s */
#define BREAKER_FAILURES_MAX 10   /* of calls between which probes are well ... */
#define BREAKER_FORGET_MS    1000 /* ... each forgotten after so long */

enum breaker_state {
    BREAKER_CLOSED,
    BREAKER_SUSPECT,
    BREAKER_OPEN,
    BREAKER_HALF_OPEN,
    BREAKER_GONE,
    BREAKER_STATES
};

enum breaker_event {
    BREAKER_CALL_FAILED,
    BREAKER_PROBE_WELL,
    BREAKER_PROBE_FAILED,
    BREAKER_PROBE_LOST, /* no session, no login, no token: nothing but a new start brings it back */
    BREAKER_EVENTS
};

/* All zero: closed. */
struct breaker {
    enum breaker_state state;
    uint64_t probe_at_ms; /* not closed: when the next is due */
    uint64_t wait_ms;     /* while open */
    unsigned probes_failed;
    unsigned failures; /* of calls, not forgotten yet */
    uint64_t forget_at_ms;
};

/* @now_ms: on any clock that does not go back. */
void breaker_hear(struct breaker *breaker, enum breaker_event event, uint64_t now_ms);
bool breaker_is_probe_due(const struct breaker *breaker, uint64_t now_ms);
/* Whether work may be given to the HSM. */
bool breaker_is_closed(const struct breaker *breaker);
