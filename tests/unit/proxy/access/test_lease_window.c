/* SPDX-License-Identifier: Apache-2.0 */
/* test_lease_window.c - a repeat gets the same answer, a replay none, and memory is bounded. */
#include <string.h>

#include "tests/support/suite.h"
#include "proxy/access/leases.h"
#include "proxy/access/lease_window.h"

static struct lease lease;
static const uint8_t hash_a[HASH_LEN] = { 'a' }, hash_b[HASH_LEN] = { 'b' };

static void teardown(void)
{
    lease_window_free(TAKE(lease.window));
}

/* The reply that is given for a number; NULL: it is new. */
static const struct buffer *enter(uint64_t sequence)
{
    const struct buffer *reply = NULL;

    ck_assert_int_eq(lease_window_enter(&lease, sequence, hash_a, &reply), REASON_NONE);
    return reply;
}

static enum reason try_enter(uint64_t sequence, const uint8_t hash[HASH_LEN])
{
    const struct buffer *reply = NULL;

    return lease_window_enter(&lease, sequence, hash, &reply);
}

static void answer(uint64_t sequence, const char *reply)
{
    ck_assert_ptr_null(enter(sequence));
    lease_window_keep(&lease, sequence, bytes_of_text(reply));
}

START_TEST(same_number_and_bytes_get_the_same_reply)
{
    const struct buffer *reply;

    answer(1, "first");
    answer(2, "second");
    reply = enter(1);
    ck_assert_ptr_nonnull(reply);
    ck_assert(bytes_equal(buffer_bytes(reply), bytes_of_text("first")));
}
END_TEST

START_TEST(same_number_with_other_bytes_is_a_replay)
{
    answer(1, "first");
    ck_assert_int_eq(try_enter(1, hash_b), REASON_REPLAY);
}
END_TEST

START_TEST(number_zero_is_never_good)
{
    ck_assert_int_eq(try_enter(0, hash_a), REASON_REPLAY);
}
END_TEST

START_TEST(number_without_a_reply_yet_is_a_replay)
{
    ck_assert_ptr_null(enter(1));
    ck_assert_int_eq(try_enter(1, hash_a), REASON_REPLAY);
}
END_TEST

START_TEST(numbers_out_of_order_are_each_good_once)
{
    static const uint64_t order[] = { 5, 3, 1000, 4, 999, 1, 2 };

    for (size_t i = 0; i < 7; i++)
        answer(order[i], "reply");
    for (size_t i = 0; i < 7; i++)
        ck_assert_ptr_nonnull(enter(order[i]));
    ck_assert_int_eq(try_enter(3, hash_b), REASON_REPLAY);
}
END_TEST

START_TEST(number_behind_the_window_is_a_replay_used_or_not)
{
    answer(1, "first");
    answer(SEQUENCE_WINDOW, "still within");
    ck_assert_ptr_nonnull(enter(1));
    answer(SEQUENCE_WINDOW + 2, "beyond");
    ck_assert_int_eq(try_enter(1, hash_a), REASON_REPLAY);
    ck_assert_int_eq(try_enter(2, hash_a), REASON_REPLAY);
    ck_assert_ptr_null(enter(3));
}
END_TEST

START_TEST(largest_number_leaves_no_room_behind_it)
{
    answer(UINT64_MAX, "last");
    ck_assert_ptr_nonnull(enter(UINT64_MAX));
    ck_assert_int_eq(try_enter(1, hash_a), REASON_REPLAY);
    ck_assert_ptr_null(enter(UINT64_MAX - 1));
}
END_TEST

START_TEST(memory_is_bounded_and_the_oldest_replies_go_first)
{
    static char reply[4001];
    uint64_t kept = LEASE_REPLIES_MAX / 4000;
    uint64_t last = 3 * SEQUENCE_WINDOW;

    memset(reply, 'x', sizeof(reply) - 1);
    for (uint64_t sequence = 1; sequence <= last; sequence++)
        answer(sequence, reply);
    ck_assert_ptr_nonnull(enter(last));
    ck_assert_ptr_nonnull(enter(last - kept + 1));
    ck_assert_int_eq(try_enter(last - kept, hash_a), REASON_REPLAY);
}
END_TEST

START_TEST(jump_ahead_leaves_no_replies_behind_that_take_room)
{
    static char reply[2001];

    memset(reply, 'x', sizeof(reply) - 1);
    for (uint64_t sequence = 1; sequence <= LEASE_REPLIES_MAX / 2000; sequence++)
        answer(sequence, reply);
    answer(1000000, reply);
    answer(1000001, reply);
    ck_assert_ptr_nonnull(enter(1000000));
    ck_assert_ptr_nonnull(enter(1000001));
}
END_TEST

/* The bound holds in whatever order replies come; each is there whole or refused, never another's. */
START_TEST(random_order_and_sizes_never_mix_replies_up)
{
    static uint8_t reply[30000];
    uint64_t base = 1;

    srandom(1);
    for (int i = 0; i < 20000; i++) {
        uint64_t sequence = base + (uint64_t)random() % 1500;
        const struct buffer *given = NULL;

        base += (uint64_t)random() % 3;
        if (lease_window_enter(&lease, sequence, hash_a, &given) != REASON_NONE)
            continue;
        memset(reply, (int)(sequence % 251), sizeof(reply));
        if (!given)
            lease_window_keep(&lease, sequence, BYTES(reply, 1 + sequence * 7919 % sizeof(reply)));
        else
            ck_assert(bytes_equal(buffer_bytes(given), BYTES(reply, 1 + sequence * 7919 % sizeof(reply))));
    }
}
END_TEST

START_TEST(reply_too_large_to_keep_is_refused_when_repeated)
{
    static uint8_t huge[LEASE_REPLIES_MAX + 1];

    answer(1, "first");
    ck_assert_ptr_null(enter(2));
    lease_window_keep(&lease, 2, BYTES_OF_ARRAY(huge));
    ck_assert_int_eq(try_enter(2, hash_a), REASON_REPLAY);
    ck_assert_ptr_nonnull(enter(1));
}
END_TEST

START_TEST(reply_to_a_number_never_entered_is_not_kept)
{
    lease_window_keep(&lease, 1, bytes_of_text("early"));
    ck_assert_ptr_null(enter(1));
    lease_window_keep(&lease, 1 + SEQUENCE_WINDOW, bytes_of_text("another's place"));
    ck_assert_int_eq(try_enter(1, hash_a), REASON_REPLAY);
}
END_TEST

START_TEST(forgotten_number_is_new_again_for_the_same_bytes_only)
{
    ck_assert_ptr_null(enter(1));
    lease_window_forget(&lease, 1);
    ck_assert_int_eq(try_enter(1, hash_b), REASON_REPLAY);
    ck_assert_ptr_null(enter(1));
    ck_assert_int_eq(try_enter(1, hash_a), REASON_REPLAY); /* that try is not answered yet */
    lease_window_keep(&lease, 1, bytes_of_text("at last"));
    ck_assert(bytes_equal(buffer_bytes(enter(1)), bytes_of_text("at last")));
}
END_TEST

START_TEST(forgotten_number_of_another_is_nobodys)
{
    lease_window_forget(&lease, 1);
    answer(1, "first");
    lease_window_forget(&lease, 1 + SEQUENCE_WINDOW);
    ck_assert_ptr_nonnull(enter(1));
    ck_assert_ptr_null(enter(2));
    lease_window_forget(&lease, 2);
    ck_assert_ptr_null(enter(2 + SEQUENCE_WINDOW)); /* takes the place, and is not forgotten with it */
    ck_assert_int_eq(try_enter(2 + SEQUENCE_WINDOW, hash_a), REASON_REPLAY);
}
END_TEST

SUITE_WITH_FIXTURE("lease_window", NULL, teardown, same_number_and_bytes_get_the_same_reply,
                   same_number_with_other_bytes_is_a_replay, number_zero_is_never_good,
                   number_without_a_reply_yet_is_a_replay, numbers_out_of_order_are_each_good_once,
                   number_behind_the_window_is_a_replay_used_or_not, largest_number_leaves_no_room_behind_it,
                   memory_is_bounded_and_the_oldest_replies_go_first,
                   jump_ahead_leaves_no_replies_behind_that_take_room,
                   random_order_and_sizes_never_mix_replies_up,
                   reply_too_large_to_keep_is_refused_when_repeated,
                   reply_to_a_number_never_entered_is_not_kept,
                   forgotten_number_is_new_again_for_the_same_bytes_only,
                   forgotten_number_of_another_is_nobodys);
