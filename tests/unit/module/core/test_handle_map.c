/* SPDX-License-Identifier: Apache-2.0 */
/* test_handle_map.c - handles that stay with what they once named. */
#include "module/core/handle_map.h"

#include "tests/support/suite.h"

static struct handle_map map;

static void setup(void)
{
    handle_map_init(&map, 3);
}

static void teardown(void)
{
    handle_map_clear(&map);
}

static CK_OBJECT_HANDLE handle_of(enum object_kind kind, uint8_t number)
{
    const uint8_t digest[HASH_LEN] = { number };
    CK_OBJECT_HANDLE handle;

    ck_assert_uint_eq(handle_map_get(&map, kind, digest, &handle), CKR_OK);
    ck_assert_uint_ne(handle, CK_INVALID_HANDLE);
    return handle;
}

START_TEST(same_object_keeps_its_handle)
{
    CK_OBJECT_HANDLE first = handle_of(PRIVATE_RSA, 1);

    for (uint8_t i = 2; i < 200; i++)
        handle_of(CERTIFICATE, i);
    ck_assert_uint_eq(handle_of(PRIVATE_RSA, 1), first);
}
END_TEST

START_TEST(two_halves_of_a_key_differ)
{
    ck_assert_uint_ne(handle_of(PRIVATE_RSA, 1), handle_of(PUBLIC_RSA, 1));
}
END_TEST

START_TEST(slots_never_share_a_handle)
{
    CK_OBJECT_HANDLE here = handle_of(PRIVATE_RSA, 1);

    handle_map_clear(&map);
    handle_map_init(&map, 4);
    ck_assert_uint_ne(handle_of(PRIVATE_RSA, 1), here);
}
END_TEST

SUITE_WITH_FIXTURE("handle_map", setup, teardown, same_object_keeps_its_handle, two_halves_of_a_key_differ,
                   slots_never_share_a_handle);
