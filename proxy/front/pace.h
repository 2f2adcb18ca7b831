/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - whether the front takes a processor from others when it wakes, or waits for its turn.
 *
 * A single call is fast because whoever it wakes runs at once. When many are under way and every processor is wanted, the
 * same makes each of them dear: the front interrupts a signer for every answer and a client for every request, finds its
 * caches cold, and has little to do. Then it waits until somebody sleeps, or has had a slice, and finds more to do at
 * once. A processor that is idle it gets at once either way.
 * Source: sched(7), "SCHED_BATCH".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int64_t many_us; /* when there were last many calls */
    bool is_patient; /* it waits for its turn; zeroed, it does not, as every process */
};

/* At the end of a round, at @now_us of any clock that does not jump: so many calls are under way. */
void pace_note(struct pace *pace, unsigned calls, int64_t now_us);
