/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_policy.c - a policy's words, there and back. */
#include "proto/token_policy.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proto/mechanism.h"
#include "tests/support/suite.h"

static struct token_policy policy;
static const char *expected;

static int set(const char *key, const char *value)
{
    expected = NULL;
    return token_policy_set(&policy, key, value, &expected);
}

static void check_word(const char *key, const char *value)
{
    char printed[POLICY_VALUE_MAX];

    ck_assert_int_eq(set(key, value), 0);
    token_policy_print(&policy, key, printed);
    ck_assert_str_eq(printed, value);
}

START_TEST(words_come_back_as_they_were_set)
{
    static const char *const words[][2] = {
        { "second_factor", "totp" },
        { "second_factor", "none" },
        { "device_secret", "required" },
        { "always_authenticate", "yes" },
        { "idle_ms", "604800000" },
        { "idle_ms", "0" },
        { "max_signatures", "10" },
        { "mechanisms", "all" },
        { "mechanisms", "RSA_PKCS_PSS+ECDSA" },
        { "decrypt", "no" },
        { "decrypt", "yes" },
        { "keys_need_permit", "yes" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        check_word(words[i][0], words[i][1]);
}
END_TEST

START_TEST(new_policy_asks_for_nothing_and_says_so)
{
    static const char *const words[] = { "none", "none", "no", "0", "0", "all", "yes", "no" };
    char printed[POLICY_VALUE_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        token_policy_print(&(struct token_policy){ 0 }, token_policy_key_at(i), printed);
        ck_assert_str_eq(printed, words[i]);
    }
    ck_assert_ptr_null(token_policy_key_at(ARRAY_SIZE(words)));
}
END_TEST

START_TEST(words_that_are_none_are_refused_with_what_was_expected)
{
    static const char *const words[][2] = {
        { "second_factor", "sms" }, { "idle_ms", "999" },       { "idle_ms", "604800001" },
        { "idle_ms", "-1" },        { "max_signatures", "" },   { "max_signatures", "1e3" },
        { "mechanisms", "" },       { "mechanisms", "ECDSA+" }, { "mechanisms", "MD5" },
        { "mechanisms", "SHA256" }, { "decrypt", "maybe" },     { "max_signatures", "4294967296" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        ck_assert_int_eq(set(words[i][0], words[i][1]), -EINVAL);
        ck_assert_ptr_nonnull(expected);
    }
    ck_assert_int_eq(set("colour", "red"), -ENOENT);
}
END_TEST

START_TEST(message_out_of_range_is_refused)
{
    Privyseal__V1__TokenPolicy message = PRIVYSEAL__V1__TOKEN_POLICY__INIT;

    ck_assert_int_eq(token_policy_of_message(&message, &policy), 0);
    message.second_factor = (Privyseal__V1__SecondFactor)3;
    ck_assert_int_eq(token_policy_of_message(&message, &policy), -EBADMSG);
    message.second_factor = PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_NONE;
    message.mechanisms = mechanism_wire_bits() + 1;
    ck_assert_int_eq(token_policy_of_message(&message, &policy), -EBADMSG);
    message.mechanisms = 0;
    message.idle_ms = 1;
    ck_assert_int_eq(token_policy_of_message(&message, &policy), -EBADMSG);
}
END_TEST

START_TEST(no_message_sets_permits)
{
    Privyseal__V1__TokenPolicy message = PRIVYSEAL__V1__TOKEN_POLICY__INIT;

    message.key_permits = 7;
    ck_assert_int_eq(token_policy_of_message(&message, &policy), 0);
    ck_assert_uint_eq(policy.key_permits, 0);
    ck_assert_int_eq(token_policy_copy(&policy, &policy, "key_permits"), -ENOENT);
}
END_TEST

START_TEST(empty_set_of_mechanisms_allows_all_and_another_its_own)
{
    policy = (struct token_policy){ 0 };
    ck_assert(token_policy_allows(&policy, CKM_ECDSA));
    ck_assert_int_eq(set("mechanisms", "CKM_RSA_PKCS_PSS"), 0);
    ck_assert(token_policy_allows(&policy, CKM_RSA_PKCS_PSS));
    ck_assert(!token_policy_allows(&policy, CKM_RSA_PKCS));
    ck_assert(!token_policy_allows(&policy, CKM_ECDSA));
}
END_TEST

SUITE("token_policy", words_come_back_as_they_were_set, new_policy_asks_for_nothing_and_says_so,
      words_that_are_none_are_refused_with_what_was_expected, message_out_of_range_is_refused,
      no_message_sets_permits, empty_set_of_mechanisms_allows_all_and_another_its_own);
