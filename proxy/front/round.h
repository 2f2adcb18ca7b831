/* SPDX-License-Identifier: Apache-2.0 */
/*
 * round.h - what is put off until the end of the event loop's present round.
 *
 * A round is what one look at sockets and clock brought. What it had to say is written in one go afterwards, and what it
 * put an end to is freed then: no callback ever finds that another, which it called, has freed what it still works on.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

/* Part of whatever puts something off. */
struct round_task {
    TAILQ_ENTRY(round_task) entry;
    void (*run)(void *context);
    void *context;
    bool is_put_off;
};

TAILQ_HEAD(round, round_task);

void round_init(struct round *round);
/* Once, however often it is asked for. */
void round_put_off(struct round *round, struct round_task *task);
void round_forget(struct round *round, struct round_task *task);
/* Does what was put off, and what that puts off in turn. */
void round_end(struct round *round);
