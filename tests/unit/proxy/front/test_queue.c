/* SPDX-License-Identifier: Apache-2.0 */
/* test_queue.c - whose turn it is, who makes room, and how long it takes. */
#include "proxy/front/queue.h"

#include <errno.h>

#include "tests/support/suite.h"

#define ROOM 100

static struct queue queue;
static struct queue_item items[4 * ROOM], late;
static unsigned used;
static const uint8_t ann[HASH_LEN] = { 1 }, ben[HASH_LEN] = { 2 }, cat[HASH_LEN] = { 1, 1 };

static void setup(void)
{
    queue_init(&queue, ROOM);
    used = 0;
    late = (struct queue_item){ .cost_us = 1 };
}

static void teardown(void)
{
    while (queue_next(&queue))
        ;
    ck_assert_uint_eq(queue.count, 0);
    ck_assert_uint_eq(queue.lanes, 0);
    ck_assert_uint_eq(queue.cost_us, 0);
}

static struct queue_item *add(const uint8_t *who, uint64_t cost_us)
{
    struct queue_item *item = &items[used++], *pushed;

    item->cost_us = cost_us;
    ck_assert_int_eq(queue_add(&queue, who, item, &pushed), 0);
    return item;
}

static void add_many(const uint8_t *who, unsigned count, uint64_t cost_us)
{
    while (count--)
        add(who, cost_us);
}

/* Takes out items until @ms have passed; how many of them cost @cost_us? */
static unsigned served_in(uint64_t ms, uint64_t cost_us)
{
    uint64_t spent_us = 0;
    unsigned count = 0;

    while (spent_us < ms * 1000) {
        struct queue_item *item = queue_next(&queue);

        ck_assert_ptr_nonnull(item);
        spent_us += item->cost_us;
        count += item->cost_us == cost_us;
    }
    return count;
}

START_TEST(empty_queue_has_nothing_and_makes_nobody_wait)
{
    ck_assert_ptr_null(queue_next(&queue));
    ck_assert_uint_eq(queue_wait_us(&queue, ann, 1000), 0);
}
END_TEST

START_TEST(one_client_is_served_in_order)
{
    struct queue_item *first = add(ann, 1000), *second = add(ann, 90000), *third = add(ann, 1);

    ck_assert_ptr_eq(queue_next(&queue), first);
    ck_assert_ptr_eq(queue_next(&queue), second);
    ck_assert_ptr_eq(queue_next(&queue), third);
}
END_TEST

START_TEST(modest_client_is_served_within_a_turn_of_the_greedy_one)
{
    struct queue_item *modest;

    add_many(ann, 90, 1000);
    modest = add(ben, 1000);
    for (unsigned i = 0; i < 5; i++) /* a slice of 5 ms */
        ck_assert_ptr_ne(queue_next(&queue), modest);
    ck_assert_ptr_eq(queue_next(&queue), modest);
}
END_TEST

/* Calls of 10 ms against calls of 1 ms: in 100 ms each client has had half the time. */
START_TEST(time_is_shared_and_not_calls)
{
    unsigned cheap;

    add_many(ann, 30, 10000);
    add_many(ben, 60, 1001);
    cheap = served_in(100, 1001);
    ck_assert_uint_ge(cheap, 40);
    ck_assert_uint_le(cheap, 60);
}
END_TEST

START_TEST(one_very_dear_call_is_paid_for_with_turns)
{
    add(ann, 60000000);
    add(ann, 1000);
    add_many(ben, 90, 2000);
    ck_assert_uint_eq(queue_next(&queue)->cost_us, 60000000);
    ck_assert_uint_eq(served_in(180, 1000), 0); /* all of ben's first */
    ck_assert_uint_eq(queue_next(&queue)->cost_us, 1000);
}
END_TEST

START_TEST(clients_of_one_row_are_two)
{
    struct queue_item *other;

    add_many(ann, 20, 1000);
    other = add(cat, 1000);
    ck_assert_ptr_ne(other->lane, items[0].lane);
    ck_assert_uint_eq(queue.lanes, 2);
}
END_TEST

START_TEST(client_alone_is_refused_when_the_queue_is_full)
{
    struct queue_item *pushed;

    add_many(ann, ROOM, 1);
    ck_assert_int_eq(queue_add(&queue, ann, &late, &pushed), -EBUSY);
    ck_assert_ptr_null(pushed);
    ck_assert_uint_eq(queue.count, ROOM);
}
END_TEST

START_TEST(newcomer_takes_the_place_of_the_longest_lanes_newest)
{
    struct queue_item *pushed, *newest;

    add_many(ben, 10, 1);
    add_many(ann, ROOM - 11, 1);
    newest = add(ann, 1);
    ck_assert_int_eq(queue_add(&queue, cat, &late, &pushed), 0);
    ck_assert_ptr_eq(pushed, newest);
    ck_assert_ptr_null(pushed->lane);
    ck_assert_uint_eq(queue.count, ROOM);
}
END_TEST

/* A hundred clients with a place each: the next has no better right to one, and leaves no lane behind. */
START_TEST(nobody_is_pushed_out_of_a_fair_share)
{
    struct queue_item *pushed;

    for (uint8_t i = 0; i < ROOM; i++)
        add((const uint8_t[HASH_LEN]){ 7, i }, 1);
    ck_assert_int_eq(queue_add(&queue, ann, &late, &pushed), -EBUSY);
    ck_assert_uint_eq(queue.lanes, ROOM);
}
END_TEST

START_TEST(wait_is_everything_for_whoever_holds_it)
{
    add_many(ann, 50, 1000);
    ck_assert_uint_eq(queue_wait_us(&queue, ann, 1000), 50000);
}
END_TEST

START_TEST(wait_of_a_modest_client_is_a_turn_of_each_other)
{
    add_many(ann, 50, 1000);
    ck_assert_uint_le(queue_wait_us(&queue, ben, 1000), 6000);
    add_many(cat, 40, 1000);
    ck_assert_uint_le(queue_wait_us(&queue, ben, 1000), 12000);
}
END_TEST

START_TEST(withdrawn_call_is_not_waited_for)
{
    struct queue_item *item = add(ann, 1000);

    add(ann, 500);
    queue_remove(&queue, item);
    ck_assert_uint_eq(queue_wait_us(&queue, ann, 1), 500);
    ck_assert_uint_eq(queue_next(&queue)->cost_us, 500);
}
END_TEST

SUITE_WITH_FIXTURE("front/queue", setup, teardown, empty_queue_has_nothing_and_makes_nobody_wait,
                   one_client_is_served_in_order, modest_client_is_served_within_a_turn_of_the_greedy_one,
                   time_is_shared_and_not_calls, one_very_dear_call_is_paid_for_with_turns,
                   clients_of_one_row_are_two, client_alone_is_refused_when_the_queue_is_full,
                   newcomer_takes_the_place_of_the_longest_lanes_newest, nobody_is_pushed_out_of_a_fair_share,
                   wait_is_everything_for_whoever_holds_it, wait_of_a_modest_client_is_a_turn_of_each_other,
                   withdrawn_call_is_not_waited_for);
