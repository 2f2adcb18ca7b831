/* SPDX-License-Identifier: Apache-2.0 */
/* test_share.c - what clients may keep, few of them and many. */
#include "proxy/front/share.h"

#include <string.h>

#include "tests/support/suite.h"

#define ROOM    ((size_t)256 * 1024 * 1024) /* the front's */
#define PIECE   4096
#define MESSAGE ((size_t)96 * 1024) /* the largest that any method takes */
#define MANY    64                  /* device certificates of one user */

static struct shares shares;

static void setup(void)
{
    shares_init(&shares, ROOM);
}

static struct share *join(unsigned number)
{
    uint8_t hash[HASH_LEN] = { [0] = (uint8_t)number, [HASH_LEN - 1] = (uint8_t)(number >> 8) };
    struct share *share;

    hash[2] = 1; /* not the zeros of nobody */
    ck_assert_int_eq(share_join(&shares, hash, &share), 0);
    return share;
}

/* Takes all it can get, and says how much that was in the end. */
static size_t fill(struct share *share)
{
    while (share_take(&shares, share, PIECE))
        ;
    return share->held;
}

static void leave(struct share *share)
{
    share_give(&shares, share, share->held);
    share_leave(share);
}

START_TEST(connections_of_one_certificate_share)
{
    struct share *first = join(1), *again = join(1), *other = join(2);

    ck_assert_ptr_eq(first, again);
    ck_assert_ptr_ne(first, other);
    leave(first);
    ck_assert(share_take(&shares, again, PIECE)); /* it is still there */
    leave(again);
    leave(other);
    ck_assert_uint_eq(shares.held, 0);
}
END_TEST

START_TEST(all_without_a_certificate_are_one)
{
    struct share *first, *second;

    ck_assert_int_eq(share_join(&shares, NULL, &first), 0);
    ck_assert_int_eq(share_join(&shares, NULL, &second), 0);
    ck_assert_ptr_eq(first, second);
    leave(first);
    leave(second);
}
END_TEST

START_TEST(client_gets_a_part_of_what_is_free_and_no_more)
{
    struct share *greedy = join(1), *other = join(2);

    ck_assert_uint_le(fill(greedy), ROOM / SHARES_PART);
    ck_assert_uint_ge(greedy->held, ROOM / (SHARES_PART + 2));
    ck_assert(!share_take(&shares, greedy, PIECE));
    ck_assert(share_take(&shares, other, PIECE));
    share_give(&shares, greedy, PIECE);
    ck_assert(share_take(&shares, greedy, PIECE)); /* what it gives back it may have again */
    leave(greedy);
    leave(other);
}
END_TEST

START_TEST(however_many_are_greedy_something_is_left_for_the_next)
{
    struct share *greedy[MANY], *next = join(MANY);

    for (unsigned i = 0; i < MANY; i++)
        fill(greedy[i] = join(i));
    ck_assert_uint_ge(fill(next), MESSAGE);
    share_give(&shares, next, next->held);
    for (unsigned i = 0; i < 10 * MANY; i++) { /* what each had is over, and it comes again */
        share_give(&shares, greedy[i % MANY], greedy[i % MANY]->held);
        fill(greedy[i % MANY]);
    }
    ck_assert_uint_ge(fill(next), ROOM / (MANY + 2 * SHARES_PART));
    leave(next);
    for (unsigned i = 0; i < MANY; i++)
        leave(greedy[i]);
    ck_assert_uint_eq(shares.held, 0);
}
END_TEST

START_TEST(more_than_there_is_room_for_is_refused)
{
    struct share *share = join(1);

    ck_assert(!share_take(&shares, share, ROOM + 1));
    ck_assert(!share_take(&shares, share, SIZE_MAX - 1));
    ck_assert_uint_eq(share->held, 0);
    leave(share);
}
END_TEST

SUITE_WITH_FIXTURE("front: shares", setup, NULL, connections_of_one_certificate_share,
                   all_without_a_certificate_are_one, client_gets_a_part_of_what_is_free_and_no_more,
                   however_many_are_greedy_something_is_left_for_the_next,
                   more_than_there_is_room_for_is_refused);
