/* SPDX-License-Identifier: Apache-2.0 */
/* busy_poll.c - a budget, and whether the last wait was worth it. */
#include "proxy/busy_poll.h"

#include <sched.h>

#define WORTH 2 /* budgets: after a wait longer than this the next one will not be short either */
#define CONTENDED_US                                                                                         \
    1000 /* whoever ran instead of us for so long has work of his own, and did not make us an answer */
#define REST_US                                                                                              \
    100000 /* giving way is a loss then: a process that sleeps is woken before one that gave way runs */

void busy_poll_begin(struct busy_poll *busy, int64_t now_us)
{
    busy->begun_us = now_us;
    busy->has_asked = false;
}

static void note_contention(struct busy_poll *busy, int64_t now_us)
{
    if (busy->has_asked && now_us - busy->asked_us >= CONTENDED_US)
        busy->rests_until_us = now_us + REST_US;
}

bool busy_poll_again(struct busy_poll *busy, int64_t now_us)
{
    bool had_asked = busy->has_asked;

    note_contention(busy, now_us);
    busy->asked_us = now_us;
    busy->has_asked =
        busy->is_worth && now_us >= busy->rests_until_us && now_us - busy->begun_us < busy->budget_us;
    if (had_asked && busy->has_asked)
        sched_yield();
    return busy->has_asked;
}

void busy_poll_end(struct busy_poll *busy, int64_t now_us)
{
    note_contention(busy, now_us);
    busy->is_worth = now_us - busy->begun_us < WORTH * busy->budget_us;
}
