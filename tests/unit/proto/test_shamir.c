/* SPDX-License-Identifier: Apache-2.0 */
/* test_shamir.c - any M shares give the secret, fewer give nothing, and what is no set of shares is refused. */
#include <errno.h>
#include <string.h>

#include "proto/shamir.h"
#include "tests/support/suite.h"

#define COUNT     5
#define THRESHOLD 3

static const uint8_t known[] = "the key of the quorum, whole";

static struct shamir_share shares[COUNT];

static void split(void)
{
    ck_assert_int_eq(shamir_split(BYTES_OF_ARRAY(known), THRESHOLD, COUNT, shares), 0);
}

static void clear(void)
{
    shamir_shares_clear(shares, COUNT);
}

static bool gives_the_secret(const struct shamir_share *some, size_t count)
{
    CLEANUP(secret_free) struct secret *joined = NULL;

    ck_assert_int_eq(shamir_join(some, count, &joined), 0);
    return secret_equal(secret_bytes(joined), BYTES_OF_ARRAY(known));
}

START_TEST(every_three_of_five_shares_give_the_secret)
{
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < COUNT; b++)
            for (int c = 0; c < COUNT; c++) {
                const struct shamir_share some[] = { shares[a], shares[b], shares[c] };

                if (a != b && b != c && a != c)
                    ck_assert(gives_the_secret(some, THRESHOLD));
            }
}
END_TEST

START_TEST(two_shares_do_not_give_the_secret)
{
    ck_assert(!gives_the_secret(shares, THRESHOLD - 1));
}
END_TEST

/* For any two shares and any guess of the secret there is a third share: so the two exclude no guess. */
START_TEST(two_shares_fit_every_secret)
{
    struct shamir_share third = { .index = 3 };

    shamir_shares_clear(shares, COUNT);
    ck_assert_int_eq(shamir_split(BYTES("A", 1), THRESHOLD, COUNT, shares), 0);
    ck_assert_int_eq(secret_new(1, &third.data), 0);
    for (unsigned guess = 0; guess < 256; guess++) {
        unsigned fitting = 0;

        for (unsigned value = 0; value < 256; value++) {
            CLEANUP(secret_free) struct secret *joined = NULL;
            const struct shamir_share some[] = { shares[0], shares[1], third };

            third.data->data[0] = (uint8_t)value;
            ck_assert_int_eq(shamir_join(some, THRESHOLD, &joined), 0);
            fitting += joined->data[0] == guess;
        }
        ck_assert_uint_eq(fitting, 1);
    }
    shamir_share_clear(&third);
}
END_TEST

/* f(x) = 0x42 + 0x53 x over GF(256): 0x53 and 0xca are each other's inverse (FIPS 197 4.2), so f(0xca) = 0x43. */
START_TEST(known_polynomial_is_evaluated_at_zero)
{
    CLEANUP(secret_free) struct secret *joined = NULL;
    struct shamir_share line[] = { { .index = 1 }, { .index = 0xca } };

    ck_assert_int_eq(secret_copy(BYTES("\x11", 1), &line[0].data), 0);
    ck_assert_int_eq(secret_copy(BYTES("\x43", 1), &line[1].data), 0);
    ck_assert_int_eq(shamir_join(line, 2, &joined), 0);
    ck_assert_uint_eq(joined->data[0], 0x42);
    shamir_shares_clear(line, 2);
}
END_TEST

START_TEST(altered_share_gives_another_secret)
{
    shares[1].data->data[7] ^= 1;
    ck_assert(!gives_the_secret(shares, THRESHOLD));
}
END_TEST

START_TEST(one_of_one_is_the_secret_itself)
{
    shamir_shares_clear(shares, COUNT);
    ck_assert_int_eq(shamir_split(BYTES_OF_ARRAY(known), 1, 1, shares), 0);
    ck_assert(secret_equal(secret_bytes(shares[0].data), BYTES_OF_ARRAY(known)));
}
END_TEST

START_TEST(impossible_counts_are_refused)
{
    struct shamir_share none[SHAMIR_SHARES_MAX + 1];

    ck_assert_int_eq(shamir_split(BYTES_OF_ARRAY(known), 0, 3, none), -EINVAL);
    ck_assert_int_eq(shamir_split(BYTES_OF_ARRAY(known), 4, 3, none), -EINVAL);
    ck_assert_int_eq(shamir_split(BYTES_OF_ARRAY(known), 2, SHAMIR_SHARES_MAX + 1, none), -EINVAL);
    ck_assert_int_eq(shamir_split(BYTES_NONE, 2, 3, none), -EINVAL);
}
END_TEST

START_TEST(shares_that_are_no_set_are_refused)
{
    struct shamir_share twice[] = { shares[0], shares[1], shares[0] };
    struct shamir_share zero[] = { shares[0], shares[1], { 0, shares[2].data } };
    struct secret *joined = NULL;

    ck_assert_int_eq(shamir_join(twice, 3, &joined), -EINVAL);
    ck_assert_int_eq(shamir_join(zero, 3, &joined), -EINVAL);
    ck_assert_int_eq(shamir_join(shares, 0, &joined), -EINVAL);
    shares[2].data->len--;
    ck_assert_int_eq(shamir_join(shares, 3, &joined), -EINVAL);
}
END_TEST

SUITE_WITH_FIXTURE("shamir", split, clear, every_three_of_five_shares_give_the_secret,
                   two_shares_do_not_give_the_secret, two_shares_fit_every_secret,
                   known_polynomial_is_evaluated_at_zero, altered_share_gives_another_secret,
                   one_of_one_is_the_secret_itself, impossible_counts_are_refused,
                   shares_that_are_no_set_are_refused);
