/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret.c - memory for secrets: limits, wiping, and what a forked child sees of it. */
#include "include/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/failing_allocator.h"
#include "tests/support/suite.h"

START_TEST(a_new_secret_is_zeros)
{
    CLEANUP(secret_free) struct secret *secret = NULL;

    ck_assert_int_eq(secret_new(100, &secret), 0);
    ck_assert_uint_eq(secret->len, 100);
    ck_assert_uint_ge(secret->capacity, secret->len);
    for (size_t i = 0; i < secret->capacity; i++)
        ck_assert_uint_eq(secret->data[i], 0);
}
END_TEST

START_TEST(no_bytes_and_too_many_bytes_are_refused)
{
    struct secret *secret = NULL;

    ck_assert_int_eq(secret_new(0, &secret), -EINVAL);
    ck_assert_int_eq(secret_new(SECRET_MAX + 1, &secret), -EINVAL);
    ck_assert_int_eq(secret_copy(BYTES("x", SECRET_MAX + 1), &secret), -EINVAL);
    ck_assert_ptr_null(secret);
}
END_TEST

START_TEST(the_largest_secret_can_be_had)
{
    CLEANUP(secret_free) struct secret *secret = NULL;

    ck_assert_int_eq(secret_new(SECRET_MAX, &secret), 0);
    secret->data[SECRET_MAX - 1] = 1;
}
END_TEST

START_TEST(a_copy_of_nothing_is_an_empty_secret)
{
    CLEANUP(secret_free) struct secret *secret = NULL;

    ck_assert_int_eq(secret_copy(BYTES_NONE, &secret), 0);
    ck_assert_uint_eq(secret_bytes(secret).len, 0);
}
END_TEST

START_TEST(no_secret_lends_no_bytes)
{
    ck_assert_uint_eq(secret_bytes(NULL).len, 0);
    secret_free(NULL);
}
END_TEST

START_TEST(random_secrets_differ)
{
    CLEANUP(secret_free) struct secret *a = NULL;
    CLEANUP(secret_free) struct secret *b = NULL;

    ck_assert_int_eq(secret_random(32, &a), 0);
    ck_assert_int_eq(secret_random(32, &b), 0);
    ck_assert(!secret_equal(secret_bytes(a), secret_bytes(b)));
}
END_TEST

START_TEST(equal_means_same_length_and_content)
{
    ck_assert(secret_equal(bytes_of_text("pin"), bytes_of_text("pin")));
    ck_assert(!secret_equal(bytes_of_text("pin"), bytes_of_text("pim")));
    ck_assert(!secret_equal(bytes_of_text("pin"), bytes_of_text("pin1")));
    ck_assert(secret_equal(BYTES("a", 0), BYTES("b", 0)));
}
END_TEST

START_TEST(wiping_leaves_zeros)
{
    char pin[] = "123456";

    secret_wipe(pin, sizeof(pin));
    for (size_t i = 0; i < sizeof(pin); i++)
        ck_assert_int_eq(pin[i], 0);
}
END_TEST

START_TEST(a_forked_child_finds_zeros)
{
    CLEANUP(secret_free) struct secret *secret = NULL;
    int status = 0;
    pid_t child;

    ck_assert_int_eq(secret_copy(bytes_of_text("pin"), &secret), 0);
    child = fork();
    if (child == 0)
        _exit(secret->data[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_eq(secret->data[0], 'p');
}
END_TEST

START_TEST(an_allocation_that_fails_is_reported)
{
    struct secret *secret = NULL;
    int r;

    fail_allocation(0);
    r = secret_new(32, &secret);
    ck_assert(stop_failing());
    ck_assert_int_eq(r, -ENOMEM);
    ck_assert_ptr_null(secret);
}
END_TEST

SUITE("secret", a_new_secret_is_zeros, no_bytes_and_too_many_bytes_are_refused, the_largest_secret_can_be_had,
      a_copy_of_nothing_is_an_empty_secret, no_secret_lends_no_bytes, random_secrets_differ,
      equal_means_same_length_and_content, wiping_leaves_zeros, a_forked_child_finds_zeros,
      an_allocation_that_fails_is_reported);
