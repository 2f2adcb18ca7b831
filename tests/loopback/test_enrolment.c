/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_enrolment.c - devices that come without a certificate: what they get, and what nobody can tell from outside.
 *
 * A stranger is a remote whose envelopes carry no certificate, as the front makes them on the enrolment listener.
 */
#include <string.h>

#include "include/table.h"
#include "proto/device_code.h"
#include "proto/pack.h"
#include "proxy/signer/dispatch.h"
#include "proxy/store/row.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

#define DAY_MS INT64_C(86400000)

/* ------------------------------------------------------------------------------------------- what calls are made */

static struct {
    unsigned macs, gets, lists, changes, begins, commits;
} calls;

CK_RV __real_hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                     uint8_t ret[HASH_LEN]);
CK_RV __wrap_hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                     uint8_t ret[HASH_LEN]);
int __real_row_get(struct store *store, const struct row_type *type, const char *sql,
                   struct values parameters, void *ret);
int __wrap_row_get(struct store *store, const struct row_type *type, const char *sql,
                   struct values parameters, void *ret);
int __real_row_list(struct store *store, const struct row_type *type, const char *sql,
                    struct values parameters, void **ret_rows, size_t *ret_count);
int __wrap_row_list(struct store *store, const struct row_type *type, const char *sql,
                    struct values parameters, void **ret_rows, size_t *ret_count);
int __real_row_change(struct store *store, const char *sql, struct values parameters, int if_none);
int __wrap_row_change(struct store *store, const char *sql, struct values parameters, int if_none);
int __real_store_begin(struct store *store);
int __wrap_store_begin(struct store *store);
int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);

CK_RV __wrap_hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                     uint8_t ret[HASH_LEN])
{
    calls.macs++;
    return __real_hsm_mac(hsm, key, epoch, input, ret);
}

int __wrap_row_get(struct store *store, const struct row_type *type, const char *sql,
                   struct values parameters, void *ret)
{
    calls.gets++;
    return __real_row_get(store, type, sql, parameters, ret);
}

int __wrap_row_list(struct store *store, const struct row_type *type, const char *sql,
                    struct values parameters, void **ret_rows, size_t *ret_count)
{
    calls.lists++;
    return __real_row_list(store, type, sql, parameters, ret_rows, ret_count);
}

int __wrap_row_change(struct store *store, const char *sql, struct values parameters, int if_none)
{
    calls.changes++;
    return __real_row_change(store, sql, parameters, if_none);
}

int __wrap_store_begin(struct store *store)
{
    calls.begins++;
    return __real_store_begin(store);
}

int __wrap_store_commit(struct store *store)
{
    calls.commits++;
    return __real_store_commit(store);
}

/* ------------------------------------------------------------------------------------------------------- fixture */

static struct remote *alice_remote;
static struct remote_token *alice_token;

static bool strip_certificate(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope)
{
    (void)arg;
    if (method_is_anonymous(method))
        envelope->certificate_hash = (ProtobufCBinaryData){ 0, NULL };
    return true;
}

static void setup(void)
{
    static const struct front_hook hook = { .request = strip_certificate };

    deployment_setup();
    for (unsigned i = 0; i < SIGNERS; i++)
        deployment.config[i].enrolment = (struct enrolment_config){ .is_open = true, .address = ":7444" };
    alice_remote = deployment_remote(&deployment.alice);
    alice_token = deployment_token(alice_remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    deployment_hook(&hook);
}

static void teardown(void)
{
    remote_token_free(alice_token);
    remote_free(alice_remote);
    deployment_teardown();
}

/* Whose certificate this remote has does not matter: the hook takes it off. */
static struct remote *stranger(void)
{
    return deployment_remote(&deployment.mallory);
}

static void set_pin_alone(bool is_pin_alone)
{
    for (unsigned i = 0; i < SIGNERS; i++)
        deployment.config[i].enrolment.is_pin_alone = is_pin_alone;
}

/* A device to be: its key, and a request for it. */
static void make_request(EVP_PKEY *key, struct buffer *ret)
{
    X509_REQ *request = X509_REQ_new();
    unsigned char *der = NULL;
    int len;

    ck_assert(X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256()));
    len = i2d_X509_REQ(request, &der);
    ck_assert_int_gt(len, 0);
    buffer_append(ret, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    X509_REQ_free(request);
}

static uint8_t code[DEVICE_CODE_LEN] = "device code 0123";

static CK_RV make_code(struct bytes device_secret)
{
    Privyseal__V1__MakeDeviceCodeRequest request = PRIVYSEAL__V1__MAKE_DEVICE_CODE_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *proof = NULL;
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    ck_assert_int_eq(device_code_proof(NULL, REALM, "alice", BYTES_OF_ARRAY(code), &proof), 0);
    if (device_secret.len)
        ck_assert_int_eq(device_code_seal(NULL, REALM, "alice", BYTES_OF_ARRAY(code), device_secret, &sealed),
                         0);
    request.code_proof = pack_borrow(secret_bytes(proof));
    request.sealed_secret = pack_borrow(buffer_bytes(&sealed));
    if (!remote_token_is_logged_in(alice_token))
        ck_assert_uint_eq(remote_token_login(alice_token, PIN, &error), CKR_OK);
    rv = remote_token_manage(alice_token, METHOD_MakeDeviceCode, &request.base, &reply, &error);
    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv;
}

/* One attempt in @user's name. @ret: somebody with the certificate; NULL: it is not looked at. */
static enum reason enrol(const char *user, struct bytes pin, struct bytes with_code, struct person *ret)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    struct remote *remote = stranger();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct remote_enrolment enrolment = { .user = user, .pin = pin, .code = with_code, .label = "new one" };
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    make_request(key, &request);
    enrolment.request = buffer_bytes(&request);
    rv = remote_enrol(remote, &enrolment, &reply, &error);
    remote_free(remote);
    if (rv == CKR_OK && ret) {
        const Privyseal__V1__EnrolDeviceResponse *answer = (const Privyseal__V1__EnrolDeviceResponse *)reply;
        struct bytes ders[CERTIFICATES_MAX];

        for (size_t i = 0; i < answer->n_certificate; i++)
            ders[i] = pack_lend(&answer->certificate[i]);
        ck_assert_int_eq(certificate_parse_chain(NULL, ders, answer->n_certificate, &ret->chain), 0);
        ck_assert_int_eq(certificate_hash(NULL, sk_X509_value(ret->chain, 0), ret->certificate_hash), 0);
        ret->key = key;
        key = NULL;
    }
    EVP_PKEY_free(key);
    if (reply)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv == CKR_OK ? REASON_NONE : error.failure.reason;
}

static void person_free(struct person *person)
{
    EVP_PKEY_free(person->key);
    certificate_free_stack(person->chain);
}

static CK_RV login_as(const struct person *person, struct bytes pin)
{
    struct remote *remote = deployment_remote(person);
    struct remote_token *token = NULL;
    struct remote_error error = { 0 };
    CK_RV rv;

    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    rv = remote_token_login(token, pin, &error);
    remote_token_free(token);
    remote_free(remote);
    return rv;
}

#define CODE BYTES_OF_ARRAY(code)

/* --------------------------------------------------------------------------------------------------------- cases */

START_TEST(name_pin_and_code_make_a_device_that_logs_in)
{
    struct person device = { 0 };

    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(enrol("alice", PIN, CODE, &device), REASON_NONE);
    ck_assert_uint_eq(login_as(&device, PIN), CKR_OK);
    ck_assert_uint_eq(deployment_records("\"device.enrol\""), 1);
    person_free(&device);
}
END_TEST

START_TEST(code_is_good_once)
{
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_NONE);
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_ENROLMENT);
}
END_TEST

START_TEST(code_ends_after_ten_minutes)
{
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    deployment_wait(601000);
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_ENROLMENT);
    deployment_wait_no_more();
}
END_TEST

START_TEST(name_and_pin_alone_are_refused_unless_the_deployment_takes_them)
{
    ck_assert_int_eq(enrol("alice", PIN, BYTES_NONE, NULL), REASON_NOT_PERMITTED);
    set_pin_alone(true);
    ck_assert_int_eq(enrol("alice", PIN, BYTES_NONE, NULL), REASON_NONE);
}
END_TEST

START_TEST(nothing_is_served_to_strangers_where_enrolment_is_off)
{
    deployment.config[SIGNER_WRAPPED].enrolment.is_open = false;
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_NOT_PERMITTED);
    ck_assert_uint_ne(make_code(BYTES_NONE), CKR_OK);
}
END_TEST

/* Each row is wrong in its own way. */
static const struct wrong {
    const char *user;
    struct bytes pin, code;
    const char *what;
    bool is_disabled; /* from here on */
} wrongs[] = {
    { "alice", { (const uint8_t *)"000000", 6 }, { code, sizeof(code) }, "wrong PIN" },
    { "nobody", { (const uint8_t *)"135790", 6 }, { code, sizeof(code) }, "unknown user" },
    { "alice", { (const uint8_t *)"135790", 6 }, { (const uint8_t *)"another code 012", 16 }, "wrong code" },
    { "alice", { (const uint8_t *)"000000", 6 }, { (const uint8_t *)"another code 012", 16 }, "both" },
    { "nora", { (const uint8_t *)"135790", 6 }, { code, sizeof(code) }, "no PIN yet" },
    { "alice", { (const uint8_t *)"135790", 6 }, { code, sizeof(code) }, "disabled user", true },
};

static void operate(enum method_id method, const ProtobufCMessage *request)
{
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;

    ck_assert_uint_eq(deployment_operate(&deployment.operator_, method, request, &reply, &error), CKR_OK);
    protobuf_c_message_free_unpacked(reply, NULL);
}

/* A user who has not set a PIN yet. */
static void add_nora(void)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;

    request.user = "nora";
    operate(METHOD_AddUser, &request.base);
}

static void disable_alice(void)
{
    Privyseal__V1__SetUserEnabledRequest request = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;

    request.user = "alice";
    operate(METHOD_SetUserEnabled, &request.base);
}

START_TEST(whatever_is_wrong_gets_one_answer_and_makes_the_same_calls)
{
    typeof(calls) first = { 0 };

    add_nora();
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        if (wrongs[i].is_disabled)
            disable_alice();
        memset(&calls, 0, sizeof(calls));
        ck_assert_msg(enrol(wrongs[i].user, wrongs[i].pin, wrongs[i].code, NULL) == REASON_ENROLMENT, "%s",
                      wrongs[i].what);
        if (i == 0)
            first = calls;
        ck_assert_msg(memcmp(&first, &calls, sizeof(calls)) == 0,
                      "%s: macs %u/%u gets %u/%u lists %u/%u changes %u/%u begins %u/%u", wrongs[i].what,
                      calls.macs, first.macs, calls.gets, first.gets, calls.lists, first.lists, calls.changes,
                      first.changes, calls.begins, first.begins);
    }
    ck_assert_uint_gt(first.macs, 0);
}
END_TEST

static void get_enrolment(const char *user, uint8_t ret_salt[SALT_LEN], uint32_t *ret_version)
{
    Privyseal__V1__GetEnrolmentRequest request = PRIVYSEAL__V1__GET_ENROLMENT_REQUEST__INIT;
    struct remote *remote = stranger();
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
    typeof(calls) first = { 0 };
    uint32_t version, version_again;

    add_nora();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        memset(&calls, 0, sizeof(calls));
        get_enrolment(names[i], salt, &version);
        if (i == 0)
            first = calls;
        ck_assert_mem_eq(&first, &calls, sizeof(calls));
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

    set_pin_alone(true);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        for (unsigned guess = 0; guess < 5; guess++)
            ck_assert_int_eq(enrol(names[i], WRONG_PIN, BYTES_NONE, NULL), REASON_ENROLMENT);
        ck_assert_int_eq(enrol(names[i], PIN, BYTES_NONE, NULL), REASON_PIN_DELAYED);
    }
    ck_assert_uint_eq(login_as(&deployment.alice, PIN), CKR_OK);
    deployment_wait(61000);
    ck_assert_int_eq(enrol("alice", PIN, BYTES_NONE, NULL), REASON_NONE);
    deployment_wait_no_more();
}
END_TEST

START_TEST(guesses_by_strangers_do_not_delay_who_has_a_code)
{
    static const uint8_t other[DEVICE_CODE_LEN] = "another code 012";

    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(enrol("alice", PIN, BYTES_OF_ARRAY(other), NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrol("alice", PIN, BYTES_OF_ARRAY(other), NULL), REASON_PIN_DELAYED);
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_NONE);
}
END_TEST

START_TEST(who_has_a_code_guesses_no_more_pins_than_others)
{
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    for (unsigned guess = 0; guess < 5; guess++)
        ck_assert_int_eq(enrol("alice", WRONG_PIN, CODE, NULL), REASON_ENROLMENT);
    ck_assert_int_eq(enrol("alice", PIN, CODE, NULL), REASON_PIN_DELAYED);
}
END_TEST

START_TEST(device_secret_comes_with_the_code_once_and_only_under_it)
{
    static const uint8_t secret[DEVICE_SECRET_LEN] = "thirty-two bytes of a device ...";
    static const uint8_t other[DEVICE_CODE_LEN] = "another code 012";
    CLEANUP(secret_free) struct secret *found = NULL, *nothing = NULL;
    struct remote *remote = stranger();
    struct remote_error error = { 0 };

    ck_assert_uint_eq(make_code(BYTES_OF_ARRAY(secret)), CKR_OK);
    ck_assert_uint_eq(remote_fetch_device_secret(remote, "alice", BYTES_OF_ARRAY(other), &nothing, &error),
                      CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_fetch_device_secret(remote, "nobody", CODE, &nothing, &error),
                      CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_fetch_device_secret(remote, "alice", CODE, &found, &error), CKR_OK);
    ck_assert(secret_equal(secret_bytes(found), BYTES_OF_ARRAY(secret)));
    ck_assert_uint_eq(remote_fetch_device_secret(remote, "alice", CODE, &nothing, &error), CKR_OK);
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

    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    ck_assert_int_eq(enrol("alice", PIN, CODE, &device), REASON_NONE);
    remote = deployment_remote(&device);
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(revoke(device.certificate_hash), CKR_OK);
    deployment_wait(6000);
    ck_assert_uint_ne(remote_token_manage(token, METHOD_ListDevices, &list.base, &reply, &error), CKR_OK);
    deployment_wait_no_more();
    ck_assert_uint_ne(login_as(&device, PIN), CKR_OK);
    remote_token_free(token);
    remote_free(remote);
    person_free(&device);
}
END_TEST

START_TEST(device_of_another_user_cannot_be_revoked)
{
    uint8_t activation[ACTIVATION_CODE_LEN];

    deployment_add_user("mallory", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, activation);
    ck_assert_uint_eq(make_code(BYTES_NONE), CKR_OK);
    ck_assert_uint_ne(revoke(deployment.mallory.certificate_hash), CKR_OK);
    ck_assert_uint_ne(revoke(deployment.operator_.certificate_hash), CKR_OK);
}
END_TEST

static void renew(struct remote_token *token, struct person *ret)
{
    Privyseal__V1__RenewDeviceRequest request = PRIVYSEAL__V1__RENEW_DEVICE_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer der = { 0 };
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    const Privyseal__V1__RenewDeviceResponse *answer;
    struct bytes ders[CERTIFICATES_MAX];

    ret->key = EVP_EC_gen("P-256");
    make_request(ret->key, &der);
    request.request = pack_borrow(buffer_bytes(&der));
    ck_assert_uint_eq(remote_token_manage(token, METHOD_RenewDevice, &request.base, &reply, &error), CKR_OK);
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
    ck_assert_uint_eq(login_as(&deployment.alice, PIN), CKR_OK);
    ck_assert_uint_ne(login_as(&first, PIN), CKR_OK);
    ck_assert_uint_eq(login_as(&second, PIN), CKR_OK);
    ck_assert_uint_ne(login_as(&deployment.alice, PIN), CKR_OK);
    ck_assert_uint_eq(login_as(&second, PIN), CKR_OK);
    person_free(&first);
    person_free(&second);
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
    "enrolment", setup, teardown, name_pin_and_code_make_a_device_that_logs_in, code_is_good_once,
    code_ends_after_ten_minutes, name_and_pin_alone_are_refused_unless_the_deployment_takes_them,
    nothing_is_served_to_strangers_where_enrolment_is_off,
    whatever_is_wrong_gets_one_answer_and_makes_the_same_calls,
    terms_of_nobody_are_made_up_stay_so_and_cost_the_same_calls,
    guesses_are_delayed_for_any_name_and_lock_no_token, guesses_by_strangers_do_not_delay_who_has_a_code,
    who_has_a_code_guesses_no_more_pins_than_others, device_secret_comes_with_the_code_once_and_only_under_it,
    revoked_device_loses_its_lease_at_the_next_recheck, device_of_another_user_cannot_be_revoked,
    renewed_certificate_ends_the_former_when_it_is_first_used,
    signer_serves_strangers_their_methods_and_nobody_else);
