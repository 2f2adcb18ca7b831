/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.c - a deadline hangs in the row of its grain, modulo a lap: what is laps away is looked at in vain, and stays. */
#include "proxy/front/deadline.h"

#include "proxy/front/context.h"

/* The first whose beginning is not before @at_ms. */
static uint64_t grain_of(uint64_t at_ms)
{
    return at_ms / DEADLINE_GRAIN_MS + 1;
}

static struct deadline_row *row_of(struct deadlines *deadlines, uint64_t grain)
{
    return &deadlines->rows[grain % DEADLINE_ROWS];
}

static void set_tick(struct deadlines *deadlines, uint64_t grain)
{
    uint64_t now_ms = front_now_ms(), at_ms = grain * DEADLINE_GRAIN_MS;
    struct timeval time = front_timeval(at_ms > now_ms ? at_ms - now_ms : 0);

    deadlines->tick_grain = grain;
    evtimer_add(&deadlines->tick, &time);
}

static void hang(struct deadlines *deadlines, struct deadline *deadline)
{
    deadline->grain = grain_of(deadline->at_ms);
    LIST_INSERT_HEAD(row_of(deadlines, deadline->grain), deadline, entry);
    if (!deadlines->tick_grain || deadline->grain < deadlines->tick_grain)
        set_tick(deadlines, deadline->grain);
}

/* Looks at a row. Whoever is told so may set and clear any deadline, those of this row too. */
static void look_at(struct deadlines *deadlines, uint64_t grain, uint64_t now)
{
    struct deadline_row *row = row_of(deadlines, grain), seen = LIST_HEAD_INITIALIZER(seen);
    struct deadline *deadline;

    while ((deadline = LIST_FIRST(row))) {
        LIST_REMOVE(deadline, entry);
        LIST_INSERT_HEAD(&seen, deadline, entry);
    }
    while ((deadline = LIST_FIRST(&seen))) {
        LIST_REMOVE(deadline, entry);
        if (grain_of(deadline->at_ms) > now) {
            hang(deadlines, deadline);
        } else {
            deadline->at_ms = 0;
            deadline->passed(deadline->context);
        }
    }
}

static void set_next_tick(struct deadlines *deadlines)
{
    for (uint64_t grain = deadlines->seen + 1; grain <= deadlines->seen + DEADLINE_ROWS; grain++)
        if (!LIST_EMPTY(row_of(deadlines, grain))) {
            set_tick(deadlines, grain);
            return;
        }
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct deadlines *deadlines = context;
    uint64_t now = front_now_ms() / DEADLINE_GRAIN_MS, grain = deadlines->seen;

    (void)fd;
    (void)what;
    if (now > grain + DEADLINE_ROWS)
        grain = now - DEADLINE_ROWS; /* each row once is enough */
    deadlines->seen = now;
    while (grain < now)
        look_at(deadlines, ++grain, now);
    deadlines->tick_grain = 0;
    set_next_tick(deadlines);
}

void deadlines_init(struct deadlines *deadlines, struct event_base *base)
{
    evtimer_assign(&deadlines->tick, base, on_tick, deadlines);
    deadlines->seen = front_now_ms() / DEADLINE_GRAIN_MS;
    for (unsigned i = 0; i < DEADLINE_ROWS; i++)
        LIST_INIT(&deadlines->rows[i]);
}

void deadlines_clear(struct deadlines *deadlines)
{
    evtimer_del(&deadlines->tick);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t ms)
{
    uint64_t at_ms = front_now_ms() + ms;

    if (deadline->at_ms && grain_of(at_ms) >= deadline->grain) {
        deadline->at_ms = at_ms;
        return;
    }
    deadline_clear(deadline);
    deadline->at_ms = at_ms;
    hang(deadlines, deadline);
}

void deadline_clear(struct deadline *deadline)
{
    if (!deadline->at_ms)
        return;
    deadline->at_ms = 0;
    LIST_REMOVE(deadline, entry);
}
