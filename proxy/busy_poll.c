/* SPDX-License-Identifier: Apache-2.0 */
/* busy_poll.c - a budget, and whether the last wait was worth it. */
#include "proxy/busy_poll.h"

#include <sched.h>

#define WORTH 2 /* budgets: after a wait longer than this the next one will not be short either */

void busy_poll_begin(struct busy_poll *busy, int64_t now_us)
{
    busy->begun_us = now_us;
    busy->has_asked = false;
}

bool busy_poll_again(struct busy_poll *busy, int64_t now_us)
{
    if (!busy->is_worth || now_us - busy->begun_us >= busy->budget_us)
        return false;
    if (busy->has_asked)
        sched_yield();
    busy->has_asked = true;
    return true;
}

void busy_poll_end(struct busy_poll *busy, int64_t now_us)
{
    busy->is_worth = now_us - busy->begun_us < WORTH * busy->budget_us;
}
