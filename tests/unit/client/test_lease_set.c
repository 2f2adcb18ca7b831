/* SPDX-License-Identifier: Apache-2.0 */
/* test_lease_set.c - when a login gets another lease, and which call goes by which. */
#include "client/lease_set.h"

#include "tests/support/suite.h"

#define MANY 100000

static struct lease_set set;

static void begin(void)
{
    lease_set_clear(&set);
}

static void end(void)
{
    lease_set_clear(&set);
}

static struct lease *put(unsigned signer, unsigned useful)
{
    struct session_keys keys = { .lease = { 0, (uint8_t)signer } };
    struct lease *lease;

    ck_assert_int_eq(lease_new(&keys, &lease), 0);
    lease_set_put(&set, lease, useful);
    return lease;
}

static struct lease *get(bool uses_key)
{
    struct lease *lease = lease_set_get(&set, uses_key);

    lease_unref(lease); /* the set's own reference stays */
    return lease;
}

/* How many calls that find every lease in use come before another one is wanted. */
static unsigned calls_until_more(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        if (lease_set_wants_more(&set))
            return i;
        get(true);
    }
    return MANY;
}

START_TEST(empty_set_has_none_and_wants_none)
{
    ck_assert_ptr_null(lease_set_get(&set, true));
    ck_assert(!lease_set_wants_more(&set));
}
END_TEST

START_TEST(calls_that_do_not_meet_share_one_lease)
{
    put(0, 4);
    ck_assert_uint_eq(calls_until_more(), MANY);
}
END_TEST

START_TEST(crowded_lease_asks_for_another_and_then_for_long_not)
{
    struct lease *first = put(0, 4);
    unsigned once, again;

    atomic_store(&first->calls, 1);
    once = calls_until_more();
    again = calls_until_more();
    ck_assert_uint_lt(once, MANY);
    ck_assert_uint_gt(again, 4 * once);
}
END_TEST

START_TEST(no_more_are_wanted_than_are_useful)
{
    atomic_store(&put(0, 1)->calls, 5);
    ck_assert_uint_eq(calls_until_more(), MANY);
    lease_set_clear(&set);
    atomic_store(&put(0, 2)->calls, 5);
    atomic_store(&put(1, 2)->calls, 5);
    ck_assert_uint_eq(calls_until_more(), MANY);
}
END_TEST

START_TEST(server_that_says_nothing_of_signers_gets_one)
{
    atomic_store(&put(0, 0)->calls, 5);
    ck_assert_uint_eq(calls_until_more(), MANY);
}
END_TEST

START_TEST(use_of_a_key_goes_where_least_is_under_way)
{
    struct lease *first = put(0, 2), *second = put(1, 2);

    atomic_store(&first->calls, 2);
    atomic_store(&second->calls, 1);
    ck_assert_ptr_eq(get(true), second);
    atomic_store(&first->calls, 0);
    ck_assert_ptr_eq(get(true), first);
}
END_TEST

START_TEST(change_of_a_token_goes_by_the_first)
{
    struct lease *first = put(0, 2);

    put(1, 2);
    atomic_store(&first->calls, 9);
    ck_assert_ptr_eq(get(false), first);
}
END_TEST

START_TEST(lease_of_the_same_signer_takes_the_others_place)
{
    struct lease *fresh;

    put(0, 2);
    put(1, 2);
    fresh = put(0, 2);
    ck_assert_uint_eq(set.count, 2);
    ck_assert_ptr_eq(get(false), fresh);
}
END_TEST

START_TEST(lease_beyond_what_is_useful_takes_the_firsts_place)
{
    struct lease *fresh;

    put(0, 1);
    fresh = put(7, 1);
    ck_assert_uint_eq(set.count, 1);
    ck_assert_ptr_eq(get(true), fresh);
}
END_TEST

START_TEST(no_more_fit_than_there_is_room_for)
{
    for (unsigned signer = 0; signer < 2 * LEASES_MOST; signer++)
        put(signer, 1000);
    ck_assert_uint_eq(set.count, LEASES_MOST);
}
END_TEST

START_TEST(dropped_lease_leaves_the_others)
{
    struct lease *first = put(0, 2), *second = put(1, 2);

    lease_set_drop(&set, NULL);
    lease_set_drop(&set, first);
    ck_assert_uint_eq(set.count, 1);
    ck_assert_ptr_eq(get(false), second);
}
END_TEST

SUITE_WITH_FIXTURE("lease set", begin, end, empty_set_has_none_and_wants_none,
                   calls_that_do_not_meet_share_one_lease,
                   crowded_lease_asks_for_another_and_then_for_long_not, no_more_are_wanted_than_are_useful,
                   server_that_says_nothing_of_signers_gets_one, use_of_a_key_goes_where_least_is_under_way,
                   change_of_a_token_goes_by_the_first, lease_of_the_same_signer_takes_the_others_place,
                   lease_beyond_what_is_useful_takes_the_firsts_place, no_more_fit_than_there_is_room_for,
                   dropped_lease_leaves_the_others);
