/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline.h - the times by which something must have happened: there are many of them, and few pass.
 *
 * Each call sets, moves and clears some, so that costs a few instructions and no system call; one that is moved further
 * away stays where it is until its time is looked at. The price: it is noticed up to DEADLINE_GRAIN_MS late, never early.
 * A hashed wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987), turned by one timer that runs only
 * while there is something on it.
 */
#pragma once

#include <event2/event_struct.h>
#include <stdint.h>
#include <sys/queue.h>

#define DEADLINE_GRAIN_MS 32
#define DEADLINE_ROWS     512

/* Part of whatever is in a hurry. Zeroed but for @passed and @context, it is not set. */
struct deadline {
    LIST_ENTRY(deadline) entry;
    uint64_t at_ms; /* on the clock of front_now_ms(); 0: not set */
    uint64_t grain; /* when it is looked at */
    void (*passed)(void *context);
    void *context;
};

LIST_HEAD(deadline_row, deadline);

struct deadlines {
    struct event tick;
    uint64_t tick_grain; /* when it comes; 0: it does not */
    uint64_t seen;       /* the last grain that was looked at */
    struct deadline_row rows[DEADLINE_ROWS];
};

void deadlines_init(struct deadlines *deadlines, struct event_base *base);
void deadlines_clear(struct deadlines *deadlines);
/* @ms from now, wherever it was before. When the time comes it is not set any more, and @passed is called. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t ms);
void deadline_clear(struct deadline *deadline);
