/* SPDX-License-Identifier: Apache-2.0 */
/*
 * busy_poll.h - who has just worked and expects more asks again for a moment before sleeping.
 *
 * Where a processor sleeps deeply, waking a process costs more than a signature, and a signature wakes three in a row.
 * A process that is used slowly never asks in vain: it does so only while the last wait was short. Whoever else can run
 * goes first, so what is spent is time that nobody wanted (and electricity); and where others want it all the time,
 * nobody asks.
 *
 *     busy_poll_begin(&busy, now);
 *     while (!something && busy_poll_again(&busy, now))
 *         something = look, without sleeping;
 *     if (!something)
 *         sleep until something comes;
 *     busy_poll_end(&busy, now);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct busy_poll {
    int64_t budget_us;      /* for asking again in one wait; 0: never. Fixed after start */
    int64_t begun_us;       /* of this wait */
    int64_t asked_us;       /* the last time */
    int64_t rests_until_us; /* the processor is somebody else's */
    bool is_worth;          /* the last wait was short */
    bool has_asked;         /* the last answer was to look again */
};

/* A wait begins, at @now_us of any clock that does not jump. */
void busy_poll_begin(struct busy_poll *busy, int64_t now_us);
/* Whether to look again instead of sleeping. From the second time on, others run first. */
bool busy_poll_again(struct busy_poll *busy, int64_t now_us);
/* The wait is over: something came, or it was slept through. */
void busy_poll_end(struct busy_poll *busy, int64_t now_us);
