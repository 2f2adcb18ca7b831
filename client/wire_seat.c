/* SPDX-License-Identifier: Apache-2.0 */
/* wire_seat.c - a word to sleep on. */
#include "client/wire_seat.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/clock.h"

enum seat_state { SEAT_QUIET, SEAT_ASLEEP, SEAT_CALLED };

int wire_seat_take(struct wire_seat **seats, struct wire_seat **ret)
{
    struct wire_seat *seat = *seats;

    /* Acquired: what its last user did is over. */
    while (seat && atomic_load_explicit(&seat->is_taken, memory_order_acquire))
        seat = seat->next;
    if (!seat) {
        seat = calloc(1, sizeof(*seat));
        if (!seat)
            return -ENOMEM;
        atomic_init(&seat->state, SEAT_QUIET);
        seat->next = *seats;
        *seats = seat;
    }
    atomic_store_explicit(&seat->is_taken, true, memory_order_relaxed);
    *ret = seat;
    return 0;
}

void wire_seat_leave(struct wire_seat *seat)
{
    atomic_store_explicit(&seat->is_taken, false, memory_order_release);
}

void wire_seat_call(struct wire_seat *seat)
{
    if (atomic_exchange(&seat->state, SEAT_CALLED) == SEAT_ASLEEP)
        (void)syscall(SYS_futex, &seat->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* With a bitset the time is a moment of the monotonic clock, and no span. futex(2), FUTEX_WAIT_BITSET. */
static bool sleep_until(struct wire_seat *seat, const struct timespec *until)
{
    return syscall(SYS_futex, &seat->state, FUTEX_WAIT_BITSET_PRIVATE, SEAT_ASLEEP, until, NULL,
                   FUTEX_BITSET_MATCH_ANY) == 0 ||
           errno != ETIMEDOUT;
}

void wire_seat_wait(struct wire_seat *seat, int64_t deadline_ms)
{
    struct timespec until = clock_timespec(deadline_ms);
    unsigned quiet = SEAT_QUIET;

    if (atomic_compare_exchange_strong(&seat->state, &quiet, SEAT_ASLEEP))
        while (atomic_load(&seat->state) == SEAT_ASLEEP && sleep_until(seat, &until))
            continue;
    (void)atomic_exchange(&seat->state, SEAT_QUIET); /* and sees what was done before the call */
}

void wire_seats_free(struct wire_seat *seats)
{
    while (seats) {
        struct wire_seat *seat = seats;

        seats = seat->next;
        free(seat);
    }
}
