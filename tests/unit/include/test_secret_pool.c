/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret_pool.c - places are nobody else's, clean, and never too few. */
#include "include/secret_pool.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/secret.h"
#include "tests/support/suite.h"

#define MANY 1000

START_TEST(place_is_zeros_however_it_was_left)
{
    size_t capacity = 0;
    uint8_t *place = secret_pool_take(32, &capacity);

    ck_assert_ptr_nonnull(place);
    ck_assert_uint_ge(capacity, 32);
    memset(place, 0xaa, capacity);
    ck_assert(secret_pool_give(place));
    ck_assert_ptr_eq(secret_pool_take(32, &capacity), place);
    for (size_t i = 0; i < capacity; i++)
        ck_assert_uint_eq(place[i], 0);
    ck_assert(secret_pool_give(place));
}
END_TEST

START_TEST(what_is_too_large_or_foreign_is_not_the_pools)
{
    uint8_t foreign[32];
    size_t capacity;

    ck_assert_ptr_null(secret_pool_take(SECRET_MAX, &capacity));
    ck_assert(!secret_pool_give(foreign));
}
END_TEST

/* More than the pool holds: the rest have pages of their own, and no two share a byte. */
START_TEST(many_secrets_at_once_are_all_apart)
{
    struct secret *secrets[MANY];

    for (size_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(secret_new(i % 2 ? 40 : 900, &secrets[i]), 0);
        memset(secrets[i]->data, (int)(i % 251 + 1), secrets[i]->capacity);
    }
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(secrets[i]->data[0], i % 251 + 1);
        ck_assert_uint_eq(secrets[i]->data[secrets[i]->capacity - 1], i % 251 + 1);
    }
    for (size_t i = 0; i < MANY; i++)
        secret_free(secrets[i]);
}
END_TEST

static void *take_and_give(void *cookie)
{
    const uint8_t mark = *(const uint8_t *)cookie;
    size_t wrong = 0;

    for (size_t i = 0; i < 20000; i++) {
        struct secret *secret = NULL;

        if (secret_new(64, &secret) < 0)
            return cookie;
        wrong += secret->data[0] != 0;
        memset(secret->data, mark, 64);
        wrong += secret->data[63] != mark;
        secret_free(secret);
    }
    return wrong ? cookie : NULL;
}

START_TEST(threads_never_get_the_same_place)
{
    uint8_t marks[] = { 1, 2, 3, 4 };
    pthread_t threads[4];
    void *wrong;

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, &marks[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

START_TEST(forked_child_finds_zeros_and_can_take_more)
{
    CLEANUP(secret_free) struct secret *secret = NULL;
    int status = 0;
    pid_t child;

    ck_assert_int_eq(secret_copy(bytes_of_text("pin"), &secret), 0);
    child = fork();
    if (child == 0) {
        struct secret *own = NULL;
        int r = secret_copy(bytes_of_text("own"), &own);

        _exit(r < 0 || secret->data[0] || own->data == secret->data || own->data[0] != 'o');
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

SUITE("secret_pool", place_is_zeros_however_it_was_left, what_is_too_large_or_foreign_is_not_the_pools,
      many_secrets_at_once_are_all_apart, threads_never_get_the_same_place,
      forked_child_finds_zeros_and_can_take_more);
