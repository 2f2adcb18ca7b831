/* SPDX-License-Identifier: Apache-2.0 */
/* test_handle_cache.c - bounded, least recently used first out, and nothing that left is still in the HSM. */
#include <string.h>

#include "proxy/hsm/handle_cache.h"
#include "tests/support/suite.h"

static struct handle_cache *cache;
static unsigned destroyed;
static CK_OBJECT_HANDLE last_destroyed;

static CK_RV count_destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    (void)session;
    destroyed++;
    last_destroyed = object;
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = { .C_DestroyObject = count_destroy };
static const struct hsm_session session = { .p11 = &functions };
static struct handle_owner alice, bob;

static void setup(void)
{
    ck_assert_uint_eq(handle_cache_new(2, &cache), CKR_OK);
    alice = bob = (struct handle_owner){ .session = &session, .is_temporary = true };
    destroyed = 0;
}

static void teardown(void)
{
    handle_cache_clear(cache, &alice);
    handle_cache_clear(cache, &bob);
    ck_assert_uint_eq(handle_cache_count(cache), 0);
    handle_cache_free(cache);
}

static const uint8_t *name(uint8_t number)
{
    static uint8_t names[256][KEY_NAME_LEN];

    names[number][0] = number;
    return names[number];
}

static void put(struct handle_owner *owner, uint8_t number)
{
    struct key_handle *entry;

    ck_assert_uint_eq(handle_cache_put(cache, owner, name(number), number, NULL, &entry), CKR_OK);
    ck_assert_uint_eq(entry->object, number);
    ck_assert(!entry->is_proved);
}

START_TEST(what_was_put_is_found_by_its_owner_alone)
{
    put(&alice, 1);
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(1)));
    ck_assert_ptr_null(handle_cache_peek(cache, &alice, name(2)));
    ck_assert_ptr_null(handle_cache_peek(cache, &bob, name(1)));
}
END_TEST

START_TEST(least_recently_used_goes_first_whoever_owns_it)
{
    put(&alice, 1);
    put(&bob, 2);
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(1)));
    put(&alice, 3);
    ck_assert_uint_eq(last_destroyed, 2);
    ck_assert_ptr_null(handle_cache_peek(cache, &bob, name(2)));
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(1)));
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(3)));
    ck_assert_uint_eq(handle_cache_count(cache), 2);
}
END_TEST

START_TEST(clearing_an_owner_leaves_the_others)
{
    put(&alice, 1);
    put(&bob, 2);
    handle_cache_clear(cache, &alice);
    ck_assert_uint_eq(destroyed, 1);
    ck_assert_uint_eq(last_destroyed, 1);
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &bob, name(2)));
}
END_TEST

START_TEST(permanent_objects_leave_the_cache_but_not_the_hsm)
{
    alice.is_temporary = false;
    for (uint8_t i = 1; i < 6; i++)
        put(&alice, i);
    handle_cache_clear(cache, &alice);
    ck_assert_uint_eq(destroyed, 0);
}
END_TEST

START_TEST(middle_of_a_list_can_be_dropped)
{
    handle_cache_free(cache);
    ck_assert_uint_eq(handle_cache_new(10, &cache), CKR_OK);
    for (uint8_t i = 1; i < 4; i++)
        put(&alice, i);
    handle_cache_drop(cache, handle_cache_peek(cache, &alice, name(2)));
    ck_assert_uint_eq(last_destroyed, 2);
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(1)));
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(3)));
    ck_assert_uint_eq(handle_cache_count(cache), 2);
}
END_TEST

START_TEST(bound_of_zero_still_holds_the_key_in_use)
{
    handle_cache_free(cache);
    ck_assert_uint_eq(handle_cache_new(0, &cache), CKR_OK);
    put(&alice, 1);
    ck_assert_ptr_nonnull(handle_cache_peek(cache, &alice, name(1)));
    put(&alice, 2);
    ck_assert_uint_eq(handle_cache_count(cache), 1);
}
END_TEST

SUITE_WITH_FIXTURE("handle_cache", setup, teardown, what_was_put_is_found_by_its_owner_alone,
                   least_recently_used_goes_first_whoever_owns_it, clearing_an_owner_leaves_the_others,
                   permanent_objects_leave_the_cache_but_not_the_hsm, middle_of_a_list_can_be_dropped,
                   bound_of_zero_still_holds_the_key_in_use);
