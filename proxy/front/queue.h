/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - what waits for one signer: a lane for each client certificate, served in turn by the time that calls take.
 *
 * Fairness is deficit round robin (Shreedhar and Varghese, 1995) over estimated service times: whoever has its turn is
 * served until it has used up a slice, however many calls and connections it has waiting; a call that takes longer than a
 * slice is paid for with turns. Within a lane first come, first served. All clients without a certificate share a lane.
 *
 * The queue holds so many calls and no more. When it is full, who comes takes the place of the newest of the longest lane:
 * so nobody holds more of it than its share while another wants in, and nobody is refused for another's crowd.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "include/cleanup.h"
#include "proto/limits.h"

#define QUEUE_ROWS 256

struct queue_lane;

/* Part of whatever waits. */
struct queue_item {
    TAILQ_ENTRY(queue_item) entry;
    struct queue_lane *lane;
    uint64_t cost_us; /* the time it is thought to take; not 0, which would make a turn endless */
};

LIST_HEAD(queue_row, queue_lane);

struct queue {
    struct queue_row rows[QUEUE_ROWS]; /* lanes by certificate; none is empty */
    TAILQ_HEAD(, queue_lane) turns;    /* the same lanes, the next one first */
    unsigned lanes, count, room;
    uint64_t cost_us; /* of all that waits */
};

void queue_init(struct queue *queue, unsigned room);

/*
 * Lends @item a place in the lane of @certificate_hash (NULL: nobody's). @ret_pushed: the item that had to make room for
 * it, taken out; NULL: none. Errors: -EBUSY (full, and nobody holds more of it), -ENOMEM.
 */
MUST_CHECK int queue_add(struct queue *queue, const uint8_t *certificate_hash, struct queue_item *item,
                         struct queue_item **ret_pushed);
void queue_remove(struct queue *queue, struct queue_item *item);
/* Takes out the item whose turn it is. NULL: nothing waits. */
struct queue_item *queue_next(struct queue *queue);

/*
 * How long a new item of @certificate_hash would wait here, at most, if nobody came after it: until each lane had as much
 * time as its own needs, or until everything was served.
 */
uint64_t queue_wait_us(const struct queue *queue, const uint8_t *certificate_hash, uint64_t cost_us);
