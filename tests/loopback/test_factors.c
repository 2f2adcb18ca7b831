/* SPDX-License-Identifier: Apache-2.0 */
/* test_factors.c - PIN and code through client and signer: one answer, one use, tickets, and codes that are sent. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "include/descriptor.h"
#include "proto/notice.h"
#include "proto/pack.h"
#include "proto/policy.h"
#include "proxy/service/notice.h"
#include "tests/loopback/deployment.h"
#include "tests/support/authenticator.h"
#include "tests/support/suite.h"

#define LEASE_ENDS_MS  61000            /* idle_ms of the deployment */
#define TICKET_LIFE_MS (12 * 3600000LL) /* ticket_hours of the deployment */
#define TYPED_MAX      64

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;
static struct remote_authenticator authenticator;
static uint8_t key[KEY_NAME_LEN];
static int herald; /* what reaches it is read here */

static void setup(void)
{
    int ends[2];

    deployment_setup();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    herald = ends[0];
    for (unsigned i = 0; i < SIGNERS; i++) {
        deployment.config[i].has_herald = true;
        deployment.config[i].herald = ends[1];
    }
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
}

static void teardown(void)
{
    remote_authenticator_clear(&authenticator);
    remote_token_free(token);
    remote_free(remote);
    descriptor_close(herald);
    deployment_teardown();
}

/* ---------------------------------------------------------------------------------------------------- in words */

/* The code of so many steps from now. */
static const char *code_in(int steps)
{
    return authenticator_code(authenticator.seed, steps);
}

static struct bytes typed(const char *pin, const char *code)
{
    static char text[TYPED_MAX];

    return BYTES(text, (size_t)snprintf(text, sizeof(text), "%s,%s", pin, code));
}

static CK_RV log_in(struct bytes text)
{
    error = (struct remote_error){ 0 };
    return remote_token_login(token, text, &error);
}

/* And forgets S: the next login is a new one. */
static void log_out(void)
{
    remote_token_logout(token);
    deployment_wait(LEASE_ENDS_MS);
}

static CK_RV sign(void)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    static const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = {
        .key_name = BYTES_OF_ARRAY(key), .raw = CKM_ECDSA, .hash = CKM_SHA256, .data = BYTES_OF_ARRAY(digest)
    };

    error = (struct remote_error){ 0 };
    return remote_token_sign(token, &request, &signature, &error);
}

static void make_key(void)
{
    const struct remote_new_key wish = { .type = CKK_EC, .bits = 256, .label = "" };

    ck_assert_uint_eq(remote_token_generate(token, &wish, key, &error), CKR_OK);
}

/* A key, an authenticator in force, logged out. */
static void have_totp(void)
{
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    make_key();
    ck_assert_uint_eq(remote_token_enrol_factor(token, &authenticator, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_confirm_factor(token, code_in(0), &error), CKR_OK);
    log_out();
}

static void set_policy(Privyseal__V1__SecondFactor factor)
{
    Privyseal__V1__SetPolicyRequest request = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;
    Privyseal__V1__TokenPolicy policy = PRIVYSEAL__V1__TOKEN_POLICY__INIT;
    char *names[] = { "second_factor" };
    ProtobufCMessage *reply = NULL;

    policy.second_factor = factor;
    request.user = "alice";
    request.policy = &policy;
    request.set = names;
    request.n_set = 1;
    ck_assert_uint_eq(
        deployment_operate(&deployment.operator_, METHOD_SetPolicy, &request.base, &reply, &error), CKR_OK);
    protobuf_c_message_free_unpacked(reply, NULL);
}

/* A key, and from now on codes are sent. */
static void have_sent(void)
{
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    make_key();
    log_out();
    set_policy(PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_SENT);
}

/* The last message for the herald of kind code or blank; its length, and the code in it ("" in a blank's case, too). */
static enum notice_kind read_notice(char ret_code[16], size_t *ret_len)
{
    static uint8_t message[NOTICE_MAX];
    enum notice_kind kind = NOTICE_NEWS;
    struct notice_message read;
    ssize_t len;

    while ((len = recv(herald, message, sizeof(message), MSG_DONTWAIT)) > 0) {
        ck_assert_int_eq(notice_message_read(BYTES(message, (size_t)len), &read), 0);
        if (read.kind == NOTICE_NEWS)
            continue;
        kind = read.kind;
        *ret_len = (size_t)len;
        ck_assert_int_eq(sscanf((const char *)read.object.data, "{\"code\":\"%15[0-9]\"", ret_code), 1);
    }
    return kind;
}

static const struct remote_snapshot *look(void)
{
    static struct remote_snapshot *snapshot;

    remote_snapshot_unref(TAKE(snapshot));
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    return snapshot;
}

/* ----------------------------------------------------------------------------------------------- authenticators */

START_TEST(pin_and_code_log_in)
{
    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
}
END_TEST

START_TEST(pin_alone_is_asked_for_a_code_and_costs_no_try)
{
    have_totp();
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_REQUIRED);
    ck_assert_uint_eq(log_in(WRONG_PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_REQUIRED);
    ck_assert_int_eq(look()->pin_state, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK);
}
END_TEST

START_TEST(nothing_tells_which_of_the_two_was_wrong)
{
    struct failure wrong_code, wrong_pin;

    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", "000000")), CKR_PIN_INCORRECT);
    wrong_code = error.failure;
    ck_assert_uint_eq(log_in(typed("000000", code_in(0))), CKR_PIN_INCORRECT);
    wrong_pin = error.failure;
    ck_assert_int_eq(wrong_code.reason, REASON_PIN_INCORRECT);
    ck_assert_int_eq(wrong_pin.reason, REASON_PIN_INCORRECT);
    ck_assert_uint_eq(wrong_code.tries_left, 9);
    ck_assert_uint_eq(wrong_pin.tries_left, 8);
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK); /* the wrong PIN did not use it up */
}
END_TEST

START_TEST(code_opens_once)
{
    char code[8];

    have_totp();
    snprintf(code, sizeof(code), "%s", code_in(1));
    ck_assert_uint_eq(log_in(typed("135790", code)), CKR_OK);
    remote_token_free(token); /* no parked login helps */
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    ck_assert_uint_eq(log_in(typed("135790", code)), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_PIN_INCORRECT);
}
END_TEST

START_TEST(lost_lease_is_made_up_for_without_another_code)
{
    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK);
    for (unsigned i = 0; i < 3; i++) {
        deployment_wait(LEASE_ENDS_MS);
        ck_assert_uint_eq(sign(), CKR_OK);
    }
}
END_TEST

START_TEST(login_ends_with_its_ticket)
{
    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK);
    deployment_wait(TICKET_LIFE_MS);
    ck_assert_uint_eq(sign(), CKR_USER_NOT_LOGGED_IN);
    ck_assert(!remote_token_is_logged_in(token));
    deployment_wait_no_more();
}
END_TEST

START_TEST(changed_pin_goes_on_with_a_ticket_of_its_own)
{
    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
    deployment_wait(LEASE_ENDS_MS);
    ck_assert_uint_eq(sign(), CKR_OK);
}
END_TEST

START_TEST(pin_is_changed_with_a_code)
{
    have_totp();
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_REQUIRED);
    ck_assert_uint_eq(remote_token_change_pin(token, typed("135790", code_in(0)), OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(log_in(typed("246813", code_in(1))), CKR_OK);
}
END_TEST

START_TEST(other_logins_are_asked_once_an_authenticator_is_in_force)
{
    struct remote *other_remote = deployment_remote(&deployment.alice);
    struct remote_token *other = NULL, *first = token;

    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    make_key();
    ck_assert_int_eq(remote_token_new(other_remote, "alice", &other), 0);
    token = other;
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    token = first;
    ck_assert_uint_eq(remote_token_enrol_factor(token, &authenticator, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_confirm_factor(token, code_in(0), &error), CKR_OK);
    deployment_wait(6000); /* until leases are rechecked */
    ck_assert_uint_eq(sign(), CKR_OK);
    token = other;
    ck_assert_uint_eq(sign(), CKR_USER_NOT_LOGGED_IN);
    token = first;
    remote_token_free(other);
    remote_free(other_remote);
}
END_TEST

START_TEST(authenticator_is_removed_with_a_code_alone)
{
    have_totp();
    ck_assert_uint_eq(log_in(typed("135790", code_in(0))), CKR_OK);
    ck_assert_uint_eq(remote_token_remove_factor(token, "000000", &error), CKR_PIN_INCORRECT);
    ck_assert_int_eq(look()->pin_state, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW);
    ck_assert_uint_eq(remote_token_remove_factor(token, code_in(1), &error), CKR_OK);
    log_out();
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
}
END_TEST

START_TEST(operator_takes_a_lost_phone_away_and_the_user_is_told)
{
    Privyseal__V1__ResetFactorRequest request = PRIVYSEAL__V1__RESET_FACTOR_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    have_totp();
    request.user = "alice";
    ck_assert_uint_eq(
        deployment_operate(&deployment.operator_, METHOD_ResetFactor, &request.base, &reply, &error), CKR_OK);
    protobuf_c_message_free_unpacked(reply, NULL);
    ck_assert_uint_eq(deployment_records("\"factor.reset\""), 1);
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
}
END_TEST

START_TEST(policy_lets_a_login_without_authenticator_enrol_one_and_no_more)
{
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    make_key();
    log_out();
    set_policy(PRIVYSEAL__V1__SECOND_FACTOR__SECOND_FACTOR_TOTP);
    ck_assert(look()->is_factor_missing);
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_USER_NOT_LOGGED_IN);
    ck_assert_int_eq(error.failure.reason, REASON_FACTOR_MISSING);
    ck_assert_uint_eq(remote_token_enrol_factor(token, &authenticator, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_confirm_factor(token, code_in(0), &error), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
}
END_TEST

START_TEST(comma_is_a_character_like_others_where_no_code_is_asked_for)
{
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, bytes_of_text("1,2,34x"), &error), CKR_OK);
    ck_assert_uint_eq(log_in(bytes_of_text("1,2,34x")), CKR_OK);
    make_key();
    ck_assert_uint_eq(remote_token_enrol_factor(token, &authenticator, &error), CKR_OK);
    ck_assert_uint_eq(remote_token_confirm_factor(token, code_in(0), &error), CKR_OK);
    log_out();
    ck_assert_uint_eq(log_in(typed("1,2,34x", code_in(0))), CKR_OK);
}
END_TEST

START_TEST(new_pin_that_would_read_as_pin_and_code_is_refused)
{
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, bytes_of_text("135790,123456"), &error),
                      CKR_PIN_INVALID);
}
END_TEST

/* -------------------------------------------------------------------------------------------------- sent codes */

START_TEST(code_that_was_sent_logs_in_with_the_pin)
{
    char code[16];
    size_t len;

    have_sent();
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_SENT_IF_RIGHT);
    ck_assert_int_eq(read_notice(code, &len), NOTICE_CODE);
    ck_assert_uint_eq(log_in(typed("135790", code)), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
    ck_assert_int_eq(look()->pin_state, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK);
    deployment_wait(LEASE_ENDS_MS);
    ck_assert_uint_eq(sign(), CKR_OK); /* a ticket, and no further code */
    ck_assert_int_eq(read_notice(code, &len), NOTICE_NEWS);
}
END_TEST

START_TEST(request_answers_and_counts_alike_whether_the_pin_was_right)
{
    struct failure answers[2];
    Privyseal__V1__PinState states[2];
    char code[16];
    size_t len[2];

    have_sent();
    ck_assert_uint_eq(log_in(WRONG_PIN), CKR_PIN_INCORRECT);
    answers[0] = error.failure;
    states[0] = look()->pin_state;
    ck_assert_int_eq(read_notice(code, &len[0]), NOTICE_BLANK);
    deployment_wait(LEASE_ENDS_MS);
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    answers[1] = error.failure;
    states[1] = look()->pin_state;
    ck_assert_int_eq(read_notice(code, &len[1]), NOTICE_CODE);
    ck_assert_int_eq(answers[0].reason, REASON_CODE_SENT_IF_RIGHT);
    ck_assert_int_eq(answers[1].reason, REASON_CODE_SENT_IF_RIGHT);
    ck_assert_uint_eq(answers[0].retry_after_ms, answers[1].retry_after_ms);
    ck_assert_uint_eq(answers[0].tries_left, 9);
    ck_assert_uint_eq(answers[1].tries_left, 8);
    ck_assert_int_eq(states[0], states[1]);
    ck_assert_uint_eq(len[0], len[1]);
}
END_TEST

START_TEST(second_request_within_the_pause_sends_and_counts_nothing)
{
    char code[16];
    size_t len;

    have_sent();
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(read_notice(code, &len), NOTICE_CODE);
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(error.failure.reason, REASON_CODE_SENT_IF_RIGHT);
    ck_assert_uint_gt(error.failure.retry_after_ms, 0);
    ck_assert_int_eq(read_notice(code, &len), NOTICE_NEWS);
    ck_assert_uint_eq(log_in(typed("135790", "000000")), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(error.failure.tries_left, 8); /* of the first request and this */
}
END_TEST

START_TEST(code_that_followed_a_wrong_pin_is_of_no_use)
{
    char code[16];
    size_t len;

    have_sent();
    ck_assert_uint_eq(log_in(WRONG_PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(read_notice(code, &len), NOTICE_BLANK);
    ck_assert_uint_eq(log_in(typed("135790", code)), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(code_after_five_minutes_is_too_old)
{
    char code[16];
    size_t len;

    have_sent();
    ck_assert_uint_eq(log_in(PIN), CKR_PIN_INCORRECT);
    ck_assert_int_eq(read_notice(code, &len), NOTICE_CODE);
    deployment_wait(300000);
    ck_assert_uint_eq(log_in(typed("135790", code)), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(reset_user_begins_anew_without_the_old_authenticator)
{
    Privyseal__V1__ResetUserRequest request = PRIVYSEAL__V1__RESET_USER_REQUEST__INIT;
    const Privyseal__V1__ResetUserResponse *answer;
    ProtobufCMessage *reply = NULL;

    have_totp();
    request.user = "alice";
    ck_assert_uint_eq(
        deployment_operate(&deployment.operator_, METHOD_ResetUser, &request.base, &reply, &error), CKR_OK);
    answer = (const Privyseal__V1__ResetUserResponse *)reply;
    ck_assert(answer->factor);
    ck_assert_uint_eq(remote_token_set_pin(token, pack_lend(&answer->activation_code), PIN, &error), CKR_OK);
    ck_assert_uint_eq(log_in(PIN), CKR_OK);
    ck_assert_uint_eq(deployment_records("factors=1"), 1);
    protobuf_c_message_free_unpacked(reply, NULL);
}
END_TEST

static unsigned count_news(void)
{
    static uint8_t message[NOTICE_MAX];
    unsigned count = 0;

    while (recv(herald, message, sizeof(message), MSG_DONTWAIT) > 0)
        count++;
    return count;
}

/* Else whoever has one PIN fills what the herald keeps, and nobody hears what happens to anybody else. */
START_TEST(many_notices_of_one_user_leave_room_for_those_of_others)
{
    struct service *service = &deployment.service[SIGNER_WRAPPED];
    const struct call call = { 0 };

    (void)count_news(); /* of the token's making */
    for (int i = 0; i < 100; i++)
        notice_tell(service, &call, "recovery.code", "ann");
    ck_assert_uint_eq(count_news(), 30);
    notice_tell(service, &call, "device.new", "bob");
    ck_assert_uint_eq(count_news(), 1);
}
END_TEST

SUITE_WITH_FIXTURE(
    "loopback factors", setup, teardown, pin_and_code_log_in,
    reset_user_begins_anew_without_the_old_authenticator, pin_alone_is_asked_for_a_code_and_costs_no_try,
    nothing_tells_which_of_the_two_was_wrong, code_opens_once, lost_lease_is_made_up_for_without_another_code,
    login_ends_with_its_ticket, changed_pin_goes_on_with_a_ticket_of_its_own, pin_is_changed_with_a_code,
    other_logins_are_asked_once_an_authenticator_is_in_force, authenticator_is_removed_with_a_code_alone,
    operator_takes_a_lost_phone_away_and_the_user_is_told,
    policy_lets_a_login_without_authenticator_enrol_one_and_no_more,
    comma_is_a_character_like_others_where_no_code_is_asked_for,
    new_pin_that_would_read_as_pin_and_code_is_refused, code_that_was_sent_logs_in_with_the_pin,
    request_answers_and_counts_alike_whether_the_pin_was_right,
    second_request_within_the_pause_sends_and_counts_nothing, code_that_followed_a_wrong_pin_is_of_no_use,
    code_after_five_minutes_is_too_old, many_notices_of_one_user_leave_room_for_those_of_others);
