/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_enrolment.c - devices that come without a certificate: what they get, how their certificates live, and that
 * nobody tells from outside who is a user.
 */
#include <string.h>

#include "include/table.h"
#include "proto/pack.h"
#include "proxy/signer/dispatch.h"
#include "tests/loopback/enrolment_fixture.h"
#include "tests/support/suite.h"

static enum reason by_code(const char *user, struct bytes pin, struct bytes code, struct person *ret)
{
    return enrolment_try(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE, user, pin, code, ret);
}

static enum reason by_pin(const char *user, struct bytes pin, struct person *ret)
{
    return enrolment_try(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE, user, pin, BYTES_NONE, ret);
}

/* Asks for the secret that @code brings to @user's devices. */
static CK_RV fetch(struct remote *remote, const char *user, struct bytes code, struct secret **ret)
{
    const struct remote_enrolment enrolment = { .user = user,
                                                .proof = PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE,
                                                .code = code };
    struct remote_error error = { 0 };

    return remote_fetch_device_secret(remote, &enrolment, ret, &error);
}

/* --------------------------------------------------------------------------------------------------------- cases */

START_TEST(name_pin_and_code_make_a_device_that_logs_in)
{
    struct person device = { 0 };

    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(by_code("alice", PIN, CODE, &device), REASON_NONE);
    ck_assert_uint_eq(enrolment_login_as(&device, PIN), CKR_OK);
    ck_assert_uint_eq(deployment_records("\"device.enrol\""), 1);
    enrolment_person_free(&device);
}
END_TEST

START_TEST(code_is_good_once)
{
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_NONE);
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_ENROLMENT);
}
END_TEST

START_TEST(code_ends_after_ten_minutes)
{
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    deployment_wait(601000);
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_ENROLMENT);
    deployment_wait_no_more();
}
END_TEST

START_TEST(name_and_pin_alone_are_refused_unless_the_deployment_takes_them)
{
    ck_assert_int_eq(by_pin("alice", PIN, NULL), REASON_NOT_PERMITTED);
    enrolment_take(ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE));
    ck_assert_int_eq(by_pin("alice", PIN, NULL), REASON_NONE);
}
END_TEST

START_TEST(nothing_is_served_to_strangers_where_enrolment_is_off)
{
    deployment.config[SIGNER_WRAPPED].enrolment.is_open = false;
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_NOT_PERMITTED);
    ck_assert_uint_ne(enrolment_make_code(BYTES_NONE), CKR_OK);
}
END_TEST

/* Each row is wrong in its own way. */
static const struct wrong {
    const char *user;
    struct bytes pin, code;
    const char *what;
    bool is_disabled; /* from here on */
} wrongs[] = {
    { "alice", { (const uint8_t *)"000000", 6 }, { device_code, sizeof(device_code) }, "wrong PIN" },
    { "nobody", { (const uint8_t *)"135790", 6 }, { device_code, sizeof(device_code) }, "unknown user" },
    { "alice", { (const uint8_t *)"135790", 6 }, { (const uint8_t *)"another code 012", 16 }, "wrong code" },
    { "alice", { (const uint8_t *)"000000", 6 }, { (const uint8_t *)"another code 012", 16 }, "both" },
    { "nora", { (const uint8_t *)"135790", 6 }, { device_code, sizeof(device_code) }, "no PIN yet" },
    { "alice",
      { (const uint8_t *)"135790", 6 },
      { device_code, sizeof(device_code) },
      "disabled user",
      true },
};

START_TEST(whatever_is_wrong_gets_one_answer_and_makes_the_same_calls)
{
    struct enrolment_calls first = { 0 };

    enrolment_add_nora();
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        if (wrongs[i].is_disabled)
            enrolment_disable_alice();
        memset(&enrolment_calls, 0, sizeof(enrolment_calls));
        ck_assert_msg(by_code(wrongs[i].user, wrongs[i].pin, wrongs[i].code, NULL) == REASON_ENROLMENT, "%s",
                      wrongs[i].what);
        if (i == 0)
            first = enrolment_calls;
        ck_assert_msg(memcmp(&first, &enrolment_calls, sizeof(first)) == 0,
                      "%s: macs %u/%u gets %u/%u lists %u/%u changes %u/%u begins %u/%u", wrongs[i].what,
                      enrolment_calls.macs, first.macs, enrolment_calls.gets, first.gets,
                      enrolment_calls.lists, first.lists, enrolment_calls.changes, first.changes,
                      enrolment_calls.begins, first.begins);
    }
    ck_assert_uint_gt(first.macs, 0);
}
END_TEST

static void get_enrolment(const char *user, uint8_t ret_salt[SALT_LEN], uint32_t *ret_version)
{
    Privyseal__V1__GetEnrolmentRequest request = PRIVYSEAL__V1__GET_ENROLMENT_REQUEST__INIT;
    struct remote *remote = enrolment_stranger();
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    const Privyseal__V1__GetEnrolmentResponse *answer;

    request.user = (char *)user;
    ck_assert_uint_eq(remote_plain(remote, METHOD_GetEnrolment, &request.base, &reply, &error), CKR_OK);
    answer = (const Privyseal__V1__GetEnrolmentResponse *)reply;
    ck_assert_uint_eq(answer->salt.len, SALT_LEN);
    memcpy(ret_salt, answer->salt.data, SALT_LEN);
    *ret_version = answer->pin_version;
    protobuf_c_message_free_unpacked(reply, NULL);
    remote_free(remote);
}

START_TEST(terms_of_nobody_are_made_up_stay_so_and_cost_the_same_calls)
{
    static const char *const names[] = { "alice", "nobody", "nora", "somebody else" };
    uint8_t salt[SALT_LEN], again[SALT_LEN];
    struct enrolment_calls first = { 0 };
    uint32_t version, version_again;

    enrolment_add_nora();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        memset(&enrolment_calls, 0, sizeof(enrolment_calls));
        get_enrolment(names[i], salt, &version);
        if (i == 0)
            first = enrolment_calls;
        ck_assert_mem_eq(&first, &enrolment_calls, sizeof(first));
        get_enrolment(names[i], again, &version_again);
        ck_assert_mem_eq(salt, again, SALT_LEN);
        ck_assert_uint_eq(version, version_again);
        ck_assert_uint_ge(version, 1);
    }
}
END_TEST

START_TEST(guesses_are_delayed_for_any_name_and_lock_no_token)
{
    static const char *const names[] = { "alice", "nobody" };

    enrolment_take(ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        for (unsigned guess = 0; guess < 5; guess++)
            ck_assert_int_eq(by_pin(names[i], WRONG_PIN, NULL), REASON_ENROLMENT);
        ck_assert_int_eq(by_pin(names[i], PIN, NULL), REASON_PIN_DELAYED);
    }
    ck_assert_uint_eq(enrolment_login_as(&deployment.alice, PIN), CKR_OK);
    deployment_wait(61000);
    ck_assert_int_eq(by_pin("alice", PIN, NULL), REASON_NONE);
    deployment_wait_no_more();
}
END_TEST

START_TEST(guesses_by_strangers_do_not_delay_who_has_a_code)
{
    static const uint8_t other[DEVICE_CODE_LEN] = "another code 012";

    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(by_code("alice", PIN, BYTES_OF_ARRAY(other), NULL), REASON_ENROLMENT);
    ck_assert_int_eq(by_code("alice", PIN, BYTES_OF_ARRAY(other), NULL), REASON_PIN_DELAYED);
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_NONE);
}
END_TEST

START_TEST(who_has_a_code_guesses_no_more_pins_than_others)
{
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(by_code("alice", WRONG_PIN, CODE, NULL), REASON_ENROLMENT);
    ck_assert_int_eq(by_code("alice", PIN, CODE, NULL), REASON_PIN_DELAYED);
}
END_TEST

START_TEST(device_secret_comes_with_the_code_once_and_only_under_it)
{
    static const uint8_t secret[DEVICE_SECRET_LEN] = "thirty-two bytes of a device ...";
    static const uint8_t other[DEVICE_CODE_LEN] = "another code 012";
    CLEANUP(secret_free) struct secret *found = NULL, *nothing = NULL;
    struct remote *remote = enrolment_stranger();

    ck_assert_uint_eq(enrolment_make_code(BYTES_OF_ARRAY(secret)), CKR_OK);
    ck_assert_uint_eq(fetch(remote, "alice", BYTES_OF_ARRAY(other), &nothing), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(fetch(remote, "nobody", CODE, &nothing), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(fetch(remote, "alice", CODE, &found), CKR_OK);
    ck_assert(secret_equal(secret_bytes(found), BYTES_OF_ARRAY(secret)));
    ck_assert_uint_eq(fetch(remote, "alice", CODE, &nothing), CKR_OK);
    ck_assert_ptr_null(nothing);
    remote_free(remote);
}
END_TEST

/* ------------------------------------------------------------------------------------------------- certificates' life */

static CK_RV revoke(const uint8_t hash[HASH_LEN])
{
    Privyseal__V1__RevokeDeviceRequest request = PRIVYSEAL__V1__REVOKE_DEVICE_REQUEST__INIT;
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    request.fingerprint = pack_borrow(BYTES(hash, HASH_LEN));
    rv = remote_token_manage(alice_token, METHOD_RevokeDevice, &request.base, &reply, &error);
    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv;
}

START_TEST(revoked_device_loses_its_lease_at_the_next_recheck)
{
    Privyseal__V1__ListDevicesRequest list = PRIVYSEAL__V1__LIST_DEVICES_REQUEST__INIT;
    struct person device = { 0 };
    struct remote_token *token = NULL;
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    struct remote *remote;

    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(by_code("alice", PIN, CODE, &device), REASON_NONE);
    remote = deployment_remote(&device);
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(revoke(device.certificate_hash), CKR_OK);
    deployment_wait(6000);
    ck_assert_uint_ne(remote_token_manage(token, METHOD_ListDevices, &list.base, &reply, &error), CKR_OK);
    deployment_wait_no_more();
    ck_assert_uint_ne(enrolment_login_as(&device, PIN), CKR_OK);
    remote_token_free(token);
    remote_free(remote);
    enrolment_person_free(&device);
}
END_TEST

START_TEST(device_of_another_user_cannot_be_revoked)
{
    uint8_t activation[ACTIVATION_CODE_LEN];

    deployment_add_user("mallory", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, activation);
    ck_assert_uint_eq(enrolment_make_code(BYTES_NONE), CKR_OK);
    ck_assert_uint_ne(revoke(deployment.mallory.certificate_hash), CKR_OK);
    ck_assert_uint_ne(revoke(deployment.operator_.certificate_hash), CKR_OK);
}
END_TEST

static enum reason ask_to_renew(struct remote_token *token, EVP_PKEY *key, ProtobufCMessage **ret)
{
    Privyseal__V1__RenewDeviceRequest request = PRIVYSEAL__V1__RENEW_DEVICE_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer der = { 0 };
    struct remote_error error = { 0 };

    enrolment_request(key, &der);
    request.request = pack_borrow(buffer_bytes(&der));
    return remote_token_manage(token, METHOD_RenewDevice, &request.base, ret, &error) == CKR_OK
               ? REASON_NONE
               : error.failure.reason;
}

static void renew(struct remote_token *token, struct person *ret)
{
    ProtobufCMessage *reply = NULL;
    const Privyseal__V1__RenewDeviceResponse *answer;
    struct bytes ders[CERTIFICATES_MAX];

    ret->key = EVP_EC_gen("P-256");
    ck_assert_int_eq(ask_to_renew(token, ret->key, &reply), REASON_NONE);
    answer = (const Privyseal__V1__RenewDeviceResponse *)reply;
    for (size_t i = 0; i < answer->n_certificate; i++)
        ders[i] = pack_lend(&answer->certificate[i]);
    ck_assert_int_eq(certificate_parse_chain(NULL, ders, answer->n_certificate, &ret->chain), 0);
    ck_assert_int_eq(certificate_hash(NULL, sk_X509_value(ret->chain, 0), ret->certificate_hash), 0);
    protobuf_c_message_free_unpacked(reply, NULL);
}

START_TEST(renewed_certificate_ends_the_former_when_it_is_first_used)
{
    struct person first = { 0 }, second = { 0 };
    struct remote_error error = { 0 };

    ck_assert_uint_eq(remote_token_login(alice_token, PIN, &error), CKR_OK);
    renew(alice_token, &first);
    renew(alice_token, &second); /* the first answer was lost, say */
    ck_assert_uint_eq(enrolment_login_as(&deployment.alice, PIN), CKR_OK);
    ck_assert_uint_ne(enrolment_login_as(&first, PIN), CKR_OK);
    ck_assert_uint_eq(enrolment_login_as(&second, PIN), CKR_OK);
    ck_assert_uint_ne(enrolment_login_as(&deployment.alice, PIN), CKR_OK);
    ck_assert_uint_eq(enrolment_login_as(&second, PIN), CKR_OK);
    enrolment_person_free(&first);
    enrolment_person_free(&second);
}
END_TEST

/* Every call of a principal reads all its rows: so nobody adds to them as fast as a machine can ask. */
START_TEST(certificates_that_a_user_makes_are_so_many_a_day)
{
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    int made = 0;

    ck_assert_uint_eq(remote_token_login(alice_token, PIN, &error), CKR_OK);
    while (ask_to_renew(alice_token, key, &reply) == REASON_NONE && made++ < DEVICES_A_DAY_MAX)
        protobuf_c_message_free_unpacked(reply, NULL);
    ck_assert_int_eq(made, DEVICES_A_DAY_MAX);
    ck_assert_int_eq(ask_to_renew(alice_token, key, &reply), REASON_LIMIT);
    EVP_PKEY_free(key);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- who may what */

/* A stranger's envelope with any other method; a device's with one of theirs. The signer says so itself. */
START_TEST(signer_serves_strangers_their_methods_and_nobody_else)
{
    deployment_hook(NULL);
    for (int id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id((enum method_id)id);
        Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;
        CLEANUP(buffer_clear) struct buffer packed = { 0 }, answer = { 0 };
        Privyseal__V1__EnvelopeReply *reply;
        struct failure failure = { 0 };

        envelope.method = (uint32_t)id;
        envelope.request_id = "0123456789abcdef";
        envelope.peer = "192.0.2.1";
        if (method_is_anonymous(method))
            envelope.certificate_hash = pack_borrow(BYTES_OF_ARRAY(deployment.alice.certificate_hash));
        ck_assert_int_eq(pack_append(&envelope.base, &packed), 0);
        dispatch(&deployment.service[SIGNER_WRAPPED], buffer_bytes(&packed), &answer);
        reply = privyseal__v1__envelope_reply__unpack(NULL, answer.len, answer.data);
        ck_assert_int_eq(
            failure_decode(NULL, pack_lend(&reply->failure), method, BYTES_NONE, BYTES_NONE, &failure), 0);
        ck_assert_msg(failure.reason == REASON_NOT_PERMITTED, "%s", method->name);
        privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    }
}
END_TEST

SUITE_WITH_FIXTURE(
    "enrolment", enrolment_setup, enrolment_teardown, name_pin_and_code_make_a_device_that_logs_in,
    code_is_good_once, code_ends_after_ten_minutes,
    name_and_pin_alone_are_refused_unless_the_deployment_takes_them,
    nothing_is_served_to_strangers_where_enrolment_is_off,
    whatever_is_wrong_gets_one_answer_and_makes_the_same_calls,
    terms_of_nobody_are_made_up_stay_so_and_cost_the_same_calls,
    guesses_are_delayed_for_any_name_and_lock_no_token, guesses_by_strangers_do_not_delay_who_has_a_code,
    who_has_a_code_guesses_no_more_pins_than_others, device_secret_comes_with_the_code_once_and_only_under_it,
    revoked_device_loses_its_lease_at_the_next_recheck, device_of_another_user_cannot_be_revoked,
    renewed_certificate_ends_the_former_when_it_is_first_used,
    certificates_that_a_user_makes_are_so_many_a_day, signer_serves_strangers_their_methods_and_nobody_else);
