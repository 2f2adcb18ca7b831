/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_enrolment_proofs.c - what a new device may show beside a code: an authenticator's digits, the recovery code. Each
 * is taken once or for good, counted by the name or by itself, and tells no stranger who has one.
 */
#include <stdio.h>
#include <string.h>

#include "client/remote_recovery.h"
#include "include/table.h"
#include "tests/loopback/enrolment_fixture.h"
#include "tests/support/authenticator.h"
#include "tests/support/suite.h"

#define TOTP     PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP
#define RECOVERY PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY
#define DIGITS   BYTES("000000", 6)

static const uint8_t recovery_code[RECOVERY_CODE_LEN] = "recovery code 01",
                     other_code[RECOVERY_CODE_LEN] = "another";
static struct remote_authenticator authenticator;

static void teardown(void)
{
    remote_authenticator_clear(&authenticator);
    enrolment_teardown();
}

static void log_in(void)
{
    struct remote_error error = { 0 };

    if (!remote_token_is_logged_in(alice_token))
        ck_assert_uint_eq(remote_token_login(alice_token, PIN, &error), CKR_OK);
}

/* alice has an authenticator; the code of this step is used. */
static void have_totp(void)
{
    struct remote_error error = { 0 };

    log_in();
    ck_assert_uint_eq(remote_token_enrol_factor(alice_token, &authenticator, &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_confirm_factor(alice_token, authenticator_code(authenticator.seed, 0), &error), CKR_OK);
}

static void have_recovery_code(void)
{
    struct remote_error error = { 0 };

    log_in();
    ck_assert_uint_eq(remote_token_put_recovery(alice_token, BYTES_OF_ARRAY(recovery_code), &error), CKR_OK);
}

static struct bytes digits_in(int steps)
{
    return bytes_of_text(authenticator_code(authenticator.seed, steps));
}

/* ------------------------------------------------------------------------------------------------ authenticators */

START_TEST(name_pin_and_digits_make_a_device_once)
{
    struct person device = { 0 };

    have_totp();
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), &device), REASON_NONE);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), NULL), REASON_ENROLMENT);
    ck_assert_uint_eq(deployment_records("by totp\""), 1);
    enrolment_person_free(&device);
}
END_TEST

START_TEST(digits_used_at_a_login_enrol_no_device_and_the_reverse)
{
    struct person device = { 0 };
    char typed[32];

    have_totp();
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(0), NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), &device), REASON_NONE);
    snprintf(typed, sizeof(typed), "135790,%s", authenticator_code(authenticator.seed, 1));
    ck_assert_uint_eq(enrolment_login_as(&device, bytes_of_text(typed)), CKR_PIN_INCORRECT);
    deployment_wait(2 * AUTHENTICATOR_STEP_S * 1000);
    snprintf(typed, sizeof(typed), "135790,%s", authenticator_code(authenticator.seed, 0));
    ck_assert_uint_eq(enrolment_login_as(&device, bytes_of_text(typed)), CKR_OK);
    deployment_wait_no_more();
    enrolment_person_free(&device);
}
END_TEST

START_TEST(wrong_pin_does_not_use_up_the_digits)
{
    have_totp();
    ck_assert_int_eq(enrolment_try(TOTP, "alice", WRONG_PIN, digits_in(1), NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), NULL), REASON_NONE);
}
END_TEST

START_TEST(clocks_may_be_off_by_the_window_and_no_more)
{
    have_totp();
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(3), NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), NULL), REASON_NONE);
}
END_TEST

START_TEST(authenticator_that_was_not_confirmed_enrols_nobody)
{
    struct remote_error error = { 0 };

    log_in();
    ck_assert_uint_eq(remote_token_enrol_factor(alice_token, &authenticator, &error), CKR_OK);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(0), NULL), REASON_ENROLMENT);
}
END_TEST

START_TEST(guessed_digits_are_counted_by_the_name)
{
    have_totp();
    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, DIGITS, NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), NULL), REASON_PIN_DELAYED);
}
END_TEST

/* ------------------------------------------------------------------------------------------------ recovery codes */

START_TEST(recovery_code_makes_devices_and_stays_good)
{
    struct person device = { 0 };

    have_recovery_code();
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(other_code), NULL),
                     REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(recovery_code), &device),
                     REASON_NONE);
    ck_assert_uint_eq(enrolment_login_as(&device, PIN), CKR_OK);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(recovery_code), NULL), REASON_NONE);
    enrolment_person_free(&device);
}
END_TEST

START_TEST(recovery_code_that_was_replaced_or_removed_enrols_nobody)
{
    struct remote_error error = { 0 };

    have_recovery_code();
    ck_assert_uint_eq(remote_token_put_recovery(alice_token, BYTES_OF_ARRAY(other_code), &error), CKR_OK);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(recovery_code), NULL),
                     REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(other_code), NULL), REASON_NONE);
    ck_assert_uint_eq(
        remote_token_remove_recovery(alice_token, PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_CODE, &error),
        CKR_OK);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(other_code), NULL),
                     REASON_ENROLMENT);
}
END_TEST

START_TEST(guesses_in_its_users_name_do_not_delay_a_recovery_code_nor_does_it_help_guess_pins)
{
    have_recovery_code();
    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(other_code), NULL),
                         REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(other_code), NULL),
                     REASON_PIN_DELAYED);
    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(enrolment_try(RECOVERY, "alice", WRONG_PIN, BYTES_OF_ARRAY(recovery_code), NULL),
                         REASON_ENROLMENT);
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(recovery_code), NULL),
                     REASON_PIN_DELAYED);
}
END_TEST

/* ------------------------------------------------------------------------------------------- nobody learns anything */

static CK_RV fetch(const char *user, Privyseal__V1__EnrolmentProof proof, struct bytes code,
                   struct secret **ret)
{
    const struct remote_enrolment enrolment = { .user = user, .proof = proof, .code = code };
    struct remote *remote = enrolment_stranger();
    struct remote_error error = { 0 };
    CK_RV rv = remote_fetch_device_secret(remote, &enrolment, ret, &error);

    remote_free(remote);
    return rv;
}

static const struct wrong {
    const char *user;
    struct bytes pin;
    const char *what;
    bool is_disabled; /* from here on */
} wrongs[] = {
    { "alice", { (const uint8_t *)"135790", 6 }, "wrong proof" },
    { "alice", { (const uint8_t *)"000000", 6 }, "wrong proof and PIN" },
    { "nobody", { (const uint8_t *)"135790", 6 }, "unknown user" },
    { "nora", { (const uint8_t *)"135790", 6 }, "no PIN yet" },
    { "alice", { (const uint8_t *)"135790", 6 }, "disabled user", true },
};

/* In five attempts by one name no delay comes up: then there would be fewer calls. */
static void try_all(Privyseal__V1__EnrolmentProof proof, struct bytes code, struct enrolment_calls *first)
{
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        if (wrongs[i].is_disabled)
            enrolment_disable_alice();
        enrolment_calls = (struct enrolment_calls){ 0 };
        ck_assert_msg(enrolment_try(proof, wrongs[i].user, wrongs[i].pin, code, NULL) == REASON_ENROLMENT,
                      "%s", wrongs[i].what);
        if (!first->macs)
            *first = enrolment_calls;
        ck_assert_msg(memcmp(first, &enrolment_calls, sizeof(*first)) == 0,
                      "%s: macs %u/%u opens %u/%u gets %u/%u lists %u/%u changes %u/%u", wrongs[i].what,
                      enrolment_calls.macs, first->macs, enrolment_calls.opens, first->opens,
                      enrolment_calls.gets, first->gets, enrolment_calls.lists, first->lists,
                      enrolment_calls.changes, first->changes);
    }
}

START_TEST(whether_there_is_an_authenticator_costs_the_same_calls)
{
    struct enrolment_calls first = { 0 };

    enrolment_add_nora();
    have_totp();
    try_all(TOTP, DIGITS, &first);
    ck_assert_uint_eq(first.opens, 1);
}
END_TEST

START_TEST(that_there_is_none_costs_the_same_calls)
{
    struct enrolment_calls with = { 0 };

    have_totp();
    enrolment_calls = with;
    ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, DIGITS, NULL), REASON_ENROLMENT);
    with = enrolment_calls;
    enrolment_calls = (struct enrolment_calls){ 0 };
    ck_assert_int_eq(enrolment_try(TOTP, "nobody", PIN, DIGITS, NULL), REASON_ENROLMENT);
    ck_assert_mem_eq(&with, &enrolment_calls, sizeof(with));
}
END_TEST

START_TEST(whether_there_is_a_recovery_code_costs_the_same_calls)
{
    struct enrolment_calls first = { 0 };
    struct bytes code = BYTES_OF_ARRAY(other_code);

    enrolment_add_nora();
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", WRONG_PIN, code, NULL), REASON_ENROLMENT);
    enrolment_calls = first;
    ck_assert_int_eq(enrolment_try(RECOVERY, "alice", WRONG_PIN, code, NULL), REASON_ENROLMENT);
    first = enrolment_calls; /* she has none yet */
    have_recovery_code();
    deployment_wait(INT64_C(10) * 86400000);
    try_all(RECOVERY, code, &first);
    deployment_wait_no_more();
}
END_TEST

START_TEST(device_secret_comes_with_the_recovery_code_and_is_asked_for_at_the_same_cost)
{
    static const char *const names[] = { "alice", "nobody", "nora" };
    CLEANUP(secret_free) struct secret *found = NULL;
    struct enrolment_calls first = { 0 };

    enrolment_add_nora();
    have_recovery_code();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        enrolment_calls = (struct enrolment_calls){ 0 };
        ck_assert_uint_eq(fetch(names[i], RECOVERY, BYTES_OF_ARRAY(other_code), &found), CKR_PIN_INCORRECT);
        if (i == 0)
            first = enrolment_calls;
        ck_assert_mem_eq(&first, &enrolment_calls, sizeof(first));
    }
    ck_assert_uint_eq(fetch("alice", RECOVERY, BYTES_OF_ARRAY(recovery_code), &found), CKR_OK);
    ck_assert_ptr_null(found); /* her devices have none */
    ck_assert_uint_eq(fetch("alice", TOTP, DIGITS, &found), CKR_ARGUMENTS_BAD);
}
END_TEST

START_TEST(what_a_deployment_does_not_take_is_refused_before_anything_is_counted)
{
    have_totp();
    have_recovery_code();
    enrolment_take(ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE));
    for (unsigned guess = 0; guess < 6; guess++) {
        ck_assert_int_eq(enrolment_try(TOTP, "alice", PIN, digits_in(1), NULL), REASON_NOT_PERMITTED);
        ck_assert_int_eq(enrolment_try(RECOVERY, "alice", PIN, BYTES_OF_ARRAY(recovery_code), NULL),
                         REASON_NOT_PERMITTED);
    }
}
END_TEST

SUITE_WITH_FIXTURE("enrolment proofs", enrolment_setup, teardown, name_pin_and_digits_make_a_device_once,
                   digits_used_at_a_login_enrol_no_device_and_the_reverse,
                   wrong_pin_does_not_use_up_the_digits, clocks_may_be_off_by_the_window_and_no_more,
                   authenticator_that_was_not_confirmed_enrols_nobody, guessed_digits_are_counted_by_the_name,
                   recovery_code_makes_devices_and_stays_good,
                   recovery_code_that_was_replaced_or_removed_enrols_nobody,
                   guesses_in_its_users_name_do_not_delay_a_recovery_code_nor_does_it_help_guess_pins,
                   whether_there_is_an_authenticator_costs_the_same_calls,
                   that_there_is_none_costs_the_same_calls,
                   whether_there_is_a_recovery_code_costs_the_same_calls,
                   device_secret_comes_with_the_recovery_code_and_is_asked_for_at_the_same_cost,
                   what_a_deployment_does_not_take_is_refused_before_anything_is_counted);
