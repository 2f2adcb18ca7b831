/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pulse.h - signs of life: a child says that it goes on, and how long it may be before it says so again; the supervisor
 * replaces one that has not. What is frozen, hangs in a vendor's library or waits for a disk that never answers looks the
 * same from outside: it is silent.
 *
 * The pulses lie in memory that the supervisor and its children share. A child that was taken over can stop another's
 * and so have it replaced, which the front can do anyway (FRONT_CONTROL_BROKEN); nothing else hangs on them.
 * Threads: one writer for each pulse, the supervisor reads.
 */
#pragma once

#include <stdint.h>

#define PULSE_MS          1000 /* how often one beats that has nothing to do */
#define PULSE_PATIENCE_MS 5000 /* with one that is idle, and the least with any */
#define PULSE_DISK_MS     6000 /* a busy disk, a locked store; a signature has 10 s in all */

struct pulse {
    uint64_t beats;
    uint64_t patience_ms;
    uint64_t
        hsm_due_ms; /* CLOCK_MONOTONIC: until when the HSM's library should be back; 0: it was not called */
};

/* "I go on; you hear of me again within @patience_ms." @pulse: NULL: nobody listens. */
static inline void pulse_beat(struct pulse *pulse, uint64_t patience_ms)
{
    if (!pulse)
        return;
    __atomic_store_n(&pulse->patience_ms, patience_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&pulse->beats, pulse->beats + 1, __ATOMIC_RELEASE);
}

static inline uint64_t pulse_beats(const struct pulse *pulse)
{
    return __atomic_load_n(&pulse->beats, __ATOMIC_ACQUIRE);
}

static inline uint64_t pulse_patience_ms(const struct pulse *pulse)
{
    return __atomic_load_n(&pulse->patience_ms, __ATOMIC_RELAXED);
}
