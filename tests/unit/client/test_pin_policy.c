/* SPDX-License-Identifier: Apache-2.0 */
/* test_pin_policy.c - what a deployment does not want is refused, and what a server may not allow too. */
#include "client/pin_policy.h"
#include "include/table.h"
#include "proto/limits.h"
#include "tests/support/suite.h"

static const struct pin_policy strict = { .min_len = 6, .max_len = 32, .classes = 1, .refuse_trivial = true };

static CK_RV check(const struct pin_policy *policy, const char *pin)
{
    const char *why = NULL;
    CK_RV rv = pin_policy_check(policy, "margarete", bytes_of_text(pin), &why);

    ck_assert_ptr_nonnull(why);
    return rv;
}

START_TEST(what_everybody_tries_first_is_refused)
{
    static const char *const pins[] = { "111111", "121212",   "123123",   "1231231",    "123456",
                                        "987654", "567890",   "098765",   "qwertz",     "asdfgh",
                                        "fedcba", "Password", "iloveyou", "margarete7", "xMARGARETEx",
                                        "789456", "abcabcab" };
    const char *const *pin;

    for (EACH_ROW(pin, pins))
        ck_assert_msg(check(&strict, *pin) == CKR_PIN_INVALID, "%s", *pin);
}
END_TEST

START_TEST(what_is_none_of_that_is_taken)
{
    static const char *const pins[] = { "739154",     "135790",   "246813", "qwerta",
                                        "marga7rete", "1234567x", "102030" };
    const char *const *pin;

    for (EACH_ROW(pin, pins))
        ck_assert_msg(check(&strict, *pin) == CKR_OK, "%s", *pin);
}
END_TEST

START_TEST(length_counts_in_bytes_at_both_ends)
{
    ck_assert_uint_eq(check(&strict, "73915"), CKR_PIN_LEN_RANGE);
    ck_assert_uint_eq(check(&strict, "739154739254739354739454739554739"), CKR_PIN_LEN_RANGE);
}
END_TEST

START_TEST(too_few_classes_are_refused)
{
    struct pin_policy policy = strict;

    policy.classes = 3;
    ck_assert_uint_eq(check(&policy, "739154"), CKR_PIN_INVALID);
    ck_assert_uint_eq(check(&policy, "7391ab"), CKR_PIN_INVALID);
    ck_assert_uint_eq(check(&policy, "7391aB"), CKR_OK);
    ck_assert_uint_eq(check(&policy, "739a-\xc3\xa4"), CKR_OK);
}
END_TEST

START_TEST(server_makes_nothing_laxer_than_the_program)
{
    Privyseal__V1__PinPolicy message = PRIVYSEAL__V1__PIN_POLICY__INIT;
    struct pin_policy policy;

    message.min_len = 1;
    message.max_len = 100000;
    policy = pin_policy_of(&message);
    ck_assert_uint_eq(policy.min_len, PIN_MIN_LEN);
    ck_assert_uint_eq(policy.max_len, PIN_MAX_LEN);
    message.min_len = 12;
    message.max_len = 4;
    policy = pin_policy_of(&message);
    ck_assert_uint_eq(policy.min_len, 12);
    ck_assert_uint_eq(policy.max_len, 12);
    ck_assert_uint_eq(pin_policy_of(NULL).min_len, PIN_MIN_LEN);
}
END_TEST

SUITE("client pin policy", what_everybody_tries_first_is_refused, what_is_none_of_that_is_taken,
      length_counts_in_bytes_at_both_ends, too_few_classes_are_refused,
      server_makes_nothing_laxer_than_the_program);
