/* SPDX-License-Identifier: Apache-2.0 */
/* test_factor.c - enrolling, codes and what they use up; counting beside the PIN; and what a writer of the database can. */
#include "proxy/access/factor.h"

#include <liboath/oath.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define STEP_MS   (TOTP_STEP_S * INT64_C(1000))
#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (24 * 60 * MINUTE_MS)

static struct access *access_;
static struct caller alice;
static struct token_row token;
static struct secret *seed;
static int64_t now_ms;

static void setup(void)
{
    fixture_setup();
    access_ = &fixture.access;
    alice = fixture_caller("alice", ROLE_DEVICE, 1);
    token = fixture_token("alice");
    now_ms = FIXTURE_NOW_MS;
    seed = NULL;
}

static void teardown(void)
{
    secret_free(seed);
    fixture_teardown();
}

/* --------------------------------------------------------------------------------------------------- in words */

static struct bytes code_at(int64_t at_ms)
{
    static char code[TOTP_DIGITS + 1];

    ck_assert_int_eq(oath_hotp_generate((const char *)seed->data, seed->len, (uint64_t)(at_ms / STEP_MS),
                                        TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION, code),
                     OATH_OK);
    return BYTES(code, TOTP_DIGITS);
}

/* A change of the token's row in a transaction. */
static enum reason commit(enum reason reason)
{
    if (reason == REASON_NONE)
        reason = token_save(access_, &token);
    if (reason == REASON_NONE)
        reason = token_commit(access_, &token);
    store_rollback(access_->store);
    return reason;
}

static void begin(void)
{
    ck_assert_int_eq(store_begin(access_->store), 0);
    ck_assert_int_eq(token_reload(access_, token.id, &token), REASON_NONE);
}

static enum reason enrol(void)
{
    secret_free(TAKE(seed));
    begin();
    return commit(factor_enrol(access_, &token, now_ms, &seed));
}

static enum reason confirm(struct bytes code)
{
    begin();
    return commit(factor_confirm(access_, &token, code, now_ms));
}

/* In force, by the code of a minute ago: the next ones are all to come. */
static void have_totp(void)
{
    ck_assert_int_eq(enrol(), REASON_NONE);
    now_ms -= MINUTE_MS;
    ck_assert_int_eq(confirm(code_at(now_ms)), REASON_NONE);
    now_ms += MINUTE_MS;
}

static bool is_right(struct bytes code, enum second_factor kind)
{
    struct factor_change change;
    bool ret = false;

    ck_assert_int_eq(factor_check(access_, &token, kind, alice.principal.id, code, now_ms, &ret, &change),
                     REASON_NONE);
    return ret;
}

/* A whole attempt with a PIN that is right or not. */
static enum reason attempt_with(bool is_pin_right, enum second_factor kind, struct bytes code)
{
    struct attempt attempt;
    struct failure why = { 0 };
    uint32_t tries_left;
    bool is_code_right;
    enum reason reason = attempt_reserve(access_, &token, &alice, now_ms, &attempt, &why);

    if (reason != REASON_NONE)
        return reason;
    ck_assert_int_eq(factor_check(access_, &token, kind, alice.principal.id, code, now_ms, &is_code_right,
                                  &attempt.change),
                     REASON_NONE);
    reason =
        attempt_settle(access_, &token, &attempt,
                       is_pin_right && is_code_right ? ATTEMPT_RIGHT : ATTEMPT_WRONG, now_ms, &tries_left);
    if (reason != REASON_NONE)
        return reason;
    return is_pin_right && is_code_right ? REASON_NONE : REASON_PIN_INCORRECT;
}

/* Asks for a code; the signer does the same whether the PIN is right or not. */
static enum reason request(char code[SENT_CODE_DIGITS + 1])
{
    struct attempt attempt;
    struct failure why = { 0 };
    uint32_t tries_left;
    enum reason reason = attempt_reserve_request(access_, &token, &alice, now_ms, &attempt, &why);

    if (reason != REASON_NONE)
        return reason;
    ck_assert_int_eq(factor_new_code(access_, &token, alice.principal.id, now_ms, code, &attempt.change),
                     REASON_NONE);
    return attempt_settle(access_, &token, &attempt, ATTEMPT_ASKED, now_ms, &tries_left);
}

static uint32_t failures(void)
{
    Privyseal__V1__PinState state;
    uint32_t retry_after_ms, ret;

    ck_assert_int_eq(attempt_state(access_, &token, &alice, now_ms, &state, &retry_after_ms, &ret),
                     REASON_NONE);
    return ret;
}

static void alter(const char *sql)
{
    sqlite3 *database;

    ck_assert_int_eq(sqlite3_open(fixture.url + strlen("sqlite:"), &database), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

/* ---------------------------------------------------------------------------------------------- authenticators */

START_TEST(authenticator_is_in_force_once_a_code_was_given)
{
    ck_assert_int_eq(enrol(), REASON_NONE);
    ck_assert_int_eq(factor_in_force(&token), FACTOR_NONE);
    ck_assert(!is_right(code_at(now_ms), FACTOR_TOTP));
    ck_assert_int_eq(confirm(bytes_of_text("000000")), REASON_PIN_INCORRECT);
    ck_assert_int_eq(confirm(code_at(now_ms)), REASON_NONE);
    ck_assert_int_eq(factor_in_force(&token), FACTOR_TOTP);
    ck_assert(is_right(code_at(now_ms + STEP_MS), FACTOR_TOTP));
}
END_TEST

START_TEST(code_that_confirmed_is_used_up)
{
    ck_assert_int_eq(enrol(), REASON_NONE);
    ck_assert_int_eq(confirm(code_at(now_ms)), REASON_NONE);
    ck_assert(!is_right(code_at(now_ms), FACTOR_TOTP));
}
END_TEST

START_TEST(authenticator_in_force_is_not_replaced)
{
    have_totp();
    ck_assert_int_eq(enrol(), REASON_ALREADY_EXISTS);
}
END_TEST

START_TEST(unconfirmed_authenticator_is_replaced)
{
    CLEANUP(secret_free) struct secret *first = NULL;

    ck_assert_int_eq(enrol(), REASON_NONE);
    first = TAKE(seed);
    ck_assert_int_eq(enrol(), REASON_NONE);
    ck_assert(!bytes_equal(secret_bytes(first), secret_bytes(seed)));
    ck_assert_int_eq(confirm(code_at(now_ms)), REASON_NONE);
    ck_assert_int_eq(confirm(code_at(now_ms)), REASON_NOT_FOUND);
}
END_TEST

START_TEST(policy_without_authenticator_is_known_as_missing)
{
    token.policy.second_factor = FACTOR_TOTP;
    ck_assert(factor_is_missing(&token));
    token.factor = FACTOR_TOTP;
    ck_assert(!factor_is_missing(&token));
}
END_TEST

START_TEST(policy_goes_before_what_the_user_enrolled)
{
    have_totp();
    token.policy.second_factor = FACTOR_SENT;
    ck_assert_int_eq(factor_in_force(&token), FACTOR_SENT);
}
END_TEST

START_TEST(seed_stands_nowhere_in_the_database)
{
    char text[2 * TOTP_SEED_LEN + 1], command[512];

    have_totp();
    hex_encode(secret_bytes(seed), text);
    snprintf(command, sizeof(command), "cat %s/store.db* | od -An -v -tx1 | tr -d ' \\n' | grep -q %s",
             fixture.directory, text);
    ck_assert_int_ne(system(command), 0); /* NOLINT: the test's own words */
}
END_TEST

START_TEST(right_pin_and_code_log_in_once)
{
    have_totp();
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms)), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms)), REASON_PIN_INCORRECT);
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms + STEP_MS)), REASON_NONE);
}
END_TEST

START_TEST(wrong_pin_leaves_the_code_and_counts)
{
    have_totp();
    ck_assert_int_eq(attempt_with(false, FACTOR_TOTP, code_at(now_ms)), REASON_PIN_INCORRECT);
    ck_assert_uint_eq(failures(), 1);
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms)), REASON_NONE);
    ck_assert_uint_eq(failures(), 0);
}
END_TEST

START_TEST(wrong_code_counts_as_a_wrong_pin_does)
{
    have_totp();
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, bytes_of_text("000000")), REASON_PIN_INCORRECT);
    ck_assert_uint_eq(failures(), 1);
}
END_TEST

START_TEST(one_code_checked_twice_at_once_opens_once)
{
    struct attempt first, second;
    struct failure why = { 0 };
    uint32_t tries_left;
    bool is_code_right;

    have_totp();
    ck_assert_int_eq(attempt_reserve(access_, &token, &alice, now_ms, &first, &why), REASON_NONE);
    ck_assert_int_eq(attempt_reserve(access_, &token, &alice, now_ms, &second, &why), REASON_NONE);
    ck_assert_int_eq(factor_check(access_, &token, FACTOR_TOTP, alice.principal.id, code_at(now_ms), now_ms,
                                  &is_code_right, &first.change),
                     REASON_NONE);
    ck_assert(is_code_right);
    second.change = first.change;
    ck_assert_int_eq(attempt_settle(access_, &token, &first, ATTEMPT_RIGHT, now_ms, &tries_left),
                     REASON_NONE);
    ck_assert_int_eq(attempt_settle(access_, &token, &second, ATTEMPT_RIGHT, now_ms, &tries_left),
                     REASON_PIN_INCORRECT);
    ck_assert_uint_eq(failures(), 1);
}
END_TEST

/* Between the look at the code and the settlement: the new one has yet to be confirmed. */
START_TEST(code_of_an_authenticator_that_was_replaced_meanwhile_opens_nothing)
{
    struct attempt attempt;
    struct failure why = { 0 };
    uint32_t tries_left;
    bool is_code_right;

    have_totp();
    ck_assert_int_eq(attempt_reserve(access_, &token, &alice, now_ms, &attempt, &why), REASON_NONE);
    ck_assert_int_eq(factor_check(access_, &token, FACTOR_TOTP, alice.principal.id, code_at(now_ms), now_ms,
                                  &is_code_right, &attempt.change),
                     REASON_NONE);
    ck_assert(is_code_right);
    begin();
    ck_assert_int_eq(commit(factor_remove(access_, &token)), REASON_NONE);
    ck_assert_int_eq(enrol(), REASON_NONE);
    ck_assert_int_eq(attempt_settle(access_, &token, &attempt, ATTEMPT_RIGHT, now_ms, &tries_left),
                     REASON_PIN_INCORRECT);
}
END_TEST

START_TEST(seed_moves_to_the_newest_epoch_when_a_code_is_used)
{
    have_totp();
    fixture.hsm.epoch = 2;
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms)), REASON_NONE);
    fixture.hsm.oldest_epoch = 2; /* the one before is destroyed */
    ck_assert_int_eq(token_reload(access_, token.id, &token), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms + STEP_MS)), REASON_NONE);
}
END_TEST

START_TEST(older_row_put_back_is_noticed)
{
    struct factor_change change;
    bool ret;

    have_totp();
    alter("CREATE TABLE kept AS SELECT * FROM factors");
    ck_assert_int_eq(attempt_with(true, FACTOR_TOTP, code_at(now_ms)), REASON_NONE);
    alter("DELETE FROM factors; INSERT INTO factors SELECT * FROM kept");
    ck_assert_int_eq(factor_check(access_, &token, FACTOR_TOTP, alice.principal.id, code_at(now_ms), now_ms,
                                  &ret, &change),
                     REASON_INTEGRITY);
    alter("DELETE FROM factors");
    ck_assert_int_eq(factor_check(access_, &token, FACTOR_TOTP, alice.principal.id, code_at(now_ms), now_ms,
                                  &ret, &change),
                     REASON_INTEGRITY);
}
END_TEST

START_TEST(removal_ends_tickets_and_leaves_nothing)
{
    uint32_t version;

    have_totp();
    version = token.factor_version;
    begin();
    ck_assert_int_eq(commit(factor_remove(access_, &token)), REASON_NONE);
    ck_assert_int_eq(factor_in_force(&token), FACTOR_NONE);
    ck_assert_uint_gt(token.factor_version, version);
    ck_assert(!is_right(code_at(now_ms), FACTOR_TOTP));
    ck_assert_int_eq(enrol(), REASON_NONE);
}
END_TEST

/* ------------------------------------------------------------------------------------------------ sent codes */

START_TEST(sent_code_is_good_once)
{
    char code[SENT_CODE_DIGITS + 1];

    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text(code)), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text(code)), REASON_PIN_INCORRECT);
}
END_TEST

START_TEST(sent_code_ends_after_five_minutes)
{
    char code[SENT_CODE_DIGITS + 1];

    ck_assert_int_eq(request(code), REASON_NONE);
    now_ms += SENT_CODE_LIFE_MS - 1;
    ck_assert(is_right(bytes_of_text(code), FACTOR_SENT));
    now_ms++;
    ck_assert(!is_right(bytes_of_text(code), FACTOR_SENT));
}
END_TEST

START_TEST(newer_code_replaces_the_older)
{
    char older[SENT_CODE_DIGITS + 1], newer[SENT_CODE_DIGITS + 1];

    ck_assert_int_eq(request(older), REASON_NONE);
    ck_assert_int_eq(request(newer), REASON_NONE);
    ck_assert_str_ne(older, newer);
    ck_assert(!is_right(bytes_of_text(older), FACTOR_SENT));
    ck_assert(is_right(bytes_of_text(newer), FACTOR_SENT));
}
END_TEST

START_TEST(sent_code_is_of_use_to_whoever_asked_alone)
{
    struct caller bob = fixture_caller("bob", ROLE_DEVICE, 2);
    struct factor_change change;
    char code[SENT_CODE_DIGITS + 1];
    bool ret;

    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_int_eq(factor_check(access_, &token, FACTOR_SENT, bob.principal.id, bytes_of_text(code), now_ms,
                                  &ret, &change),
                     REASON_NONE);
    ck_assert(!ret);
}
END_TEST

START_TEST(codes_for_one_token_have_a_pause_between_them)
{
    char code[SENT_CODE_DIGITS + 1];
    uint32_t wait_ms = 99;

    ck_assert_int_eq(factor_send_wait(access_, &token, now_ms, &wait_ms), REASON_NONE);
    ck_assert_uint_eq(wait_ms, 0);
    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_int_eq(factor_send_wait(access_, &token, now_ms + 1, &wait_ms), REASON_NONE);
    ck_assert_uint_eq(wait_ms, SENT_CODE_PAUSE_MS - 1);
    ck_assert_int_eq(factor_send_wait(access_, &token, now_ms + SENT_CODE_PAUSE_MS, &wait_ms), REASON_NONE);
    ck_assert_uint_eq(wait_ms, 0);
}
END_TEST

START_TEST(request_counts_until_its_code_is_given)
{
    char code[SENT_CODE_DIGITS + 1];

    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_uint_eq(failures(), 1);
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text(code)), REASON_NONE);
    ck_assert_uint_eq(failures(), 0);
    ck_assert_uint_eq(token.failures_total, 0); /* or a month of log-ins would slow down the next */
}
END_TEST

START_TEST(requests_are_slowed_down_as_guesses_are_but_never_lock)
{
    char code[SENT_CODE_DIGITS + 1];

    for (unsigned i = 0; i < 9; i++) {
        if (i >= 5) {
            ck_assert_int_eq(request(code), REASON_PIN_DELAYED);
            now_ms += 60 * MINUTE_MS;
        }
        ck_assert_int_eq(request(code), REASON_NONE);
        ck_assert_uint_eq(failures(), i + 1);
    }
    for (unsigned day = 0; day < 3; day++) {
        now_ms += DAY_MS - 1;
        ck_assert_int_eq(request(code), REASON_PIN_DELAYED);
        now_ms++;
        ck_assert_int_eq(request(code), REASON_NONE);
        ck_assert_uint_eq(failures(), 9);
        ck_assert(!token.locked);
    }
    now_ms += 60 * MINUTE_MS;
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text(code)),
                     REASON_PIN_INCORRECT); /* too old */
    ck_assert(token.locked);
}
END_TEST

START_TEST(code_of_a_request_that_had_to_wait_logs_in_at_once)
{
    char code[SENT_CODE_DIGITS + 1];

    for (unsigned i = 0; i < 9; i++, now_ms += 60 * MINUTE_MS)
        ck_assert_int_eq(request(code), REASON_NONE);
    now_ms += DAY_MS;
    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text(code)), REASON_NONE);
    ck_assert_uint_eq(failures(), 0);
}
END_TEST

START_TEST(wrong_code_after_nine_requests_locks)
{
    char code[SENT_CODE_DIGITS + 1];

    for (unsigned i = 0; i < 9; i++, now_ms += 60 * MINUTE_MS)
        ck_assert_int_eq(request(code), REASON_NONE);
    now_ms += DAY_MS;
    ck_assert_int_eq(request(code), REASON_NONE);
    ck_assert_int_eq(attempt_with(true, FACTOR_SENT, bytes_of_text("000000")), REASON_PIN_INCORRECT);
    ck_assert(token.locked);
}
END_TEST

SUITE_WITH_FIXTURE("factor", setup, teardown, authenticator_is_in_force_once_a_code_was_given,
                   code_that_confirmed_is_used_up, authenticator_in_force_is_not_replaced,
                   unconfirmed_authenticator_is_replaced, policy_without_authenticator_is_known_as_missing,
                   policy_goes_before_what_the_user_enrolled, seed_stands_nowhere_in_the_database,
                   right_pin_and_code_log_in_once, wrong_pin_leaves_the_code_and_counts,
                   wrong_code_counts_as_a_wrong_pin_does, one_code_checked_twice_at_once_opens_once,
                   code_of_an_authenticator_that_was_replaced_meanwhile_opens_nothing,
                   seed_moves_to_the_newest_epoch_when_a_code_is_used, older_row_put_back_is_noticed,
                   removal_ends_tickets_and_leaves_nothing, sent_code_is_good_once,
                   sent_code_ends_after_five_minutes, newer_code_replaces_the_older,
                   sent_code_is_of_use_to_whoever_asked_alone, codes_for_one_token_have_a_pause_between_them,
                   request_counts_until_its_code_is_given,
                   requests_are_slowed_down_as_guesses_are_but_never_lock,
                   code_of_a_request_that_had_to_wait_logs_in_at_once, wrong_code_after_nine_requests_locks);
