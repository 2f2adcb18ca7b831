/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_seat.h - where a thread waits until somebody calls it.
 *
 * A word that the kernel watches (futex(2)): whoever is called goes on without a lock that others queue up for, at
 * one system call on either side, where a condition variable costs two and a half. A seat stays until the wire goes,
 * so a call may come late, when another thread sits there already: whoever is called looks around and may sit down
 * again.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/cleanup.h"

struct wire_seat {
    atomic_bool is_taken;
    atomic_uint state;      /* enum seat_state */
    struct wire_seat *next; /* fixed */
};

/* A free seat of @seats, or one more; the caller holds what guards the list. Errors: -ENOMEM. */
MUST_CHECK int wire_seat_take(struct wire_seat **seats, struct wire_seat **ret);
/* Needs no lock. */
void wire_seat_leave(struct wire_seat *seat);
void wire_seat_call(struct wire_seat *seat);
/* Returns when it was called, or at @deadline_ms. */
void wire_seat_wait(struct wire_seat *seat, int64_t deadline_ms);
void wire_seats_free(struct wire_seat *seats);
