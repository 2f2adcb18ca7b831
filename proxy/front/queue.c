/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - lanes that come into being with their first item and go with their last, so that they are bounded as
 * items are.
 */
#include "proxy/front/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US 5000 /* of a turn: some tens of signatures, so that a turn is no time to wait */
#define COST_MOST                                                                                            \
    (100 * SLICE_US) /* that one item is charged: what a lane owes it pays back within so many turns */

struct queue_lane {
    LIST_ENTRY(queue_lane) row;
    TAILQ_ENTRY(queue_lane) turn;
    TAILQ_HEAD(queue_items, queue_item) items;
    uint8_t certificate_hash[HASH_LEN]; /* zeros: of those who have none */
    unsigned count;
    uint64_t cost_us;  /* of all its items */
    int64_t credit_us; /* what is left of its turn; negative: what it owes */
};

void queue_init(struct queue *queue, unsigned room)
{
    *queue = (struct queue){ .room = room };
    for (size_t i = 0; i < QUEUE_ROWS; i++)
        LIST_INIT(&queue->rows[i]);
    TAILQ_INIT(&queue->turns);
}

/* ------------------------------------------------------------------------------------------------------- lanes */

static const uint8_t nobody[HASH_LEN];

/* A hash is as good as random, so its first byte spreads. */
static struct queue_lane *find_lane(const struct queue *queue, const uint8_t *certificate_hash)
{
    struct queue_lane *lane;

    LIST_FOREACH (lane, &queue->rows[certificate_hash[0]], row)
        if (memcmp(lane->certificate_hash, certificate_hash, HASH_LEN) == 0)
            return lane;
    return NULL;
}

static struct queue_lane *add_lane(struct queue *queue, const uint8_t *certificate_hash)
{
    struct queue_lane *lane = calloc(1, sizeof(*lane));

    if (!lane)
        return NULL;
    memcpy(lane->certificate_hash, certificate_hash, HASH_LEN);
    lane->credit_us = SLICE_US;
    TAILQ_INIT(&lane->items);
    LIST_INSERT_HEAD(&queue->rows[certificate_hash[0]], lane, row);
    TAILQ_INSERT_TAIL(&queue->turns, lane, turn);
    queue->lanes++;
    return lane;
}

static void remove_lane(struct queue *queue, struct queue_lane *lane)
{
    LIST_REMOVE(lane, row);
    TAILQ_REMOVE(&queue->turns, lane, turn);
    queue->lanes--;
    free(lane);
}

static struct queue_lane *longest_lane(const struct queue *queue)
{
    struct queue_lane *longest = TAILQ_FIRST(&queue->turns), *lane;

    TAILQ_FOREACH (lane, &queue->turns, turn)
        if (lane->count > longest->count)
            longest = lane;
    return longest;
}

/* ------------------------------------------------------------------------------------------------------- items */

/* The newest item of whoever holds the most, if that is more than the newcomer would then hold. */
static struct queue_item *push_out(struct queue *queue, const struct queue_lane *newcomer)
{
    struct queue_lane *longest = longest_lane(queue);
    struct queue_item *item;

    if (longest->count <= newcomer->count + 1)
        return NULL;
    item = TAILQ_LAST(&longest->items, queue_items);
    queue_remove(queue, item);
    return item;
}

int queue_add(struct queue *queue, const uint8_t *certificate_hash, struct queue_item *item,
              struct queue_item **ret_pushed)
{
    const uint8_t *hash = certificate_hash ? certificate_hash : nobody;
    struct queue_lane *lane = find_lane(queue, hash);

    *ret_pushed = NULL;
    if (!lane)
        lane = add_lane(queue, hash);
    if (!lane)
        return -ENOMEM;
    if (queue->count >= queue->room && !(*ret_pushed = push_out(queue, lane))) {
        if (lane->count == 0)
            remove_lane(queue, lane);
        return -EBUSY;
    }
    item->lane = lane;
    TAILQ_INSERT_TAIL(&lane->items, item, entry);
    lane->count++;
    lane->cost_us += item->cost_us;
    queue->count++;
    queue->cost_us += item->cost_us;
    return 0;
}

void queue_remove(struct queue *queue, struct queue_item *item)
{
    struct queue_lane *lane = TAKE(item->lane);

    TAILQ_REMOVE(&lane->items, item, entry);
    lane->count--;
    lane->cost_us -= item->cost_us;
    queue->count--;
    queue->cost_us -= item->cost_us;
    if (lane->count == 0)
        remove_lane(queue, lane);
}

struct queue_item *queue_next(struct queue *queue)
{
    struct queue_lane *lane;
    struct queue_item *item;

    while ((lane = TAILQ_FIRST(&queue->turns)) && lane->credit_us <= 0) {
        lane->credit_us += SLICE_US;
        TAILQ_REMOVE(&queue->turns, lane, turn);
        TAILQ_INSERT_TAIL(&queue->turns, lane, turn);
    }
    if (!lane)
        return NULL;
    item = TAILQ_FIRST(&lane->items);
    lane->credit_us -= (int64_t)(item->cost_us < COST_MOST ? item->cost_us : COST_MOST);
    queue_remove(queue, item);
    return item;
}

uint64_t queue_wait_us(const struct queue *queue, const uint8_t *certificate_hash, uint64_t cost_us)
{
    const struct queue_lane *lane;
    uint64_t own_us, fair_us;

    if (queue->count == 0)
        return 0;
    lane = find_lane(queue, certificate_hash ? certificate_hash : nobody);
    own_us = lane ? lane->cost_us : 0;
    fair_us = own_us + (queue->lanes - (lane ? 1 : 0)) * (own_us + cost_us + SLICE_US);
    return fair_us < queue->cost_us ? fair_us : queue->cost_us;
}
