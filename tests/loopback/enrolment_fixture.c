/* SPDX-License-Identifier: Apache-2.0 */
/* enrolment_fixture.c - the counting, and a stranger who tries. */
#include "tests/loopback/enrolment_fixture.h"

#include <string.h>

#include "proto/device_code.h"
#include "proto/pack.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/store/row.h"
#include "tests/support/suite.h"

/* ------------------------------------------------------------------------------------------- what calls are made */

struct enrolment_calls enrolment_calls;

CK_RV __real_hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                     uint8_t ret[HASH_LEN]);
CK_RV __wrap_hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
                     uint8_t ret[HASH_LEN]);
CK_RV __real_row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed, struct secret **ret);
CK_RV __wrap_row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed, struct secret **ret);
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
    enrolment_calls.macs++;
    return __real_hsm_mac(hsm, key, epoch, input, ret);
}

CK_RV __wrap_row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed, struct secret **ret)
{
    enrolment_calls.opens++;
    return __real_row_open(hsm, seal, sealed, ret);
}

int __wrap_row_get(struct store *store, const struct row_type *type, const char *sql,
                   struct values parameters, void *ret)
{
    enrolment_calls.gets++;
    return __real_row_get(store, type, sql, parameters, ret);
}

int __wrap_row_list(struct store *store, const struct row_type *type, const char *sql,
                    struct values parameters, void **ret_rows, size_t *ret_count)
{
    enrolment_calls.lists++;
    return __real_row_list(store, type, sql, parameters, ret_rows, ret_count);
}

int __wrap_row_change(struct store *store, const char *sql, struct values parameters, int if_none)
{
    enrolment_calls.changes++;
    return __real_row_change(store, sql, parameters, if_none);
}

int __wrap_store_begin(struct store *store)
{
    enrolment_calls.begins++;
    return __real_store_begin(store);
}

int __wrap_store_commit(struct store *store)
{
    enrolment_calls.commits++;
    return __real_store_commit(store);
}

/* ------------------------------------------------------------------------------------------------------- fixture */

struct remote *alice_remote;
struct remote_token *alice_token;

#define PROOFS                                                                                               \
    (ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE) |                                         \
     ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP) |                                         \
     ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY))

static bool strip_certificate(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope)
{
    (void)arg;
    if (method_is_anonymous(method))
        envelope->certificate_hash = (ProtobufCBinaryData){ 0, NULL };
    return true;
}

void enrolment_setup(void)
{
    static const struct front_hook hook = { .request = strip_certificate };

    deployment_setup();
    for (unsigned i = 0; i < SIGNERS; i++)
        deployment.config[i].enrolment =
            (struct enrolment_config){ .is_open = true, .proofs = PROOFS, .address = ":7444" };
    alice_remote = deployment_remote(&deployment.alice);
    alice_token = deployment_token(alice_remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    deployment_hook(&hook);
}

void enrolment_teardown(void)
{
    remote_token_free(alice_token);
    remote_free(alice_remote);
    deployment_teardown();
}

struct remote *enrolment_stranger(void)
{
    return deployment_remote(&deployment.mallory);
}

void enrolment_take(unsigned proofs)
{
    for (unsigned i = 0; i < SIGNERS; i++)
        deployment.config[i].enrolment.proofs = proofs;
}

static void operate(enum method_id method, const ProtobufCMessage *request)
{
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;

    ck_assert_uint_eq(deployment_operate(&deployment.operator_, method, request, &reply, &error), CKR_OK);
    protobuf_c_message_free_unpacked(reply, NULL);
}

void enrolment_add_nora(void)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;

    request.user = "nora";
    operate(METHOD_AddUser, &request.base);
}

void enrolment_disable_alice(void)
{
    Privyseal__V1__SetUserEnabledRequest request = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;

    request.user = "alice";
    operate(METHOD_SetUserEnabled, &request.base);
}

void enrolment_request(EVP_PKEY *key, struct buffer *ret)
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

uint8_t device_code[DEVICE_CODE_LEN] = "device code 0123";

CK_RV enrolment_make_code(struct bytes device_secret)
{
    Privyseal__V1__MakeDeviceCodeRequest request = PRIVYSEAL__V1__MAKE_DEVICE_CODE_REQUEST__INIT;
    CLEANUP(secret_free) struct secret *proof = NULL;
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    ck_assert_int_eq(device_code_proof(NULL, REALM, "alice", CODE, &proof), 0);
    if (device_secret.len)
        ck_assert_int_eq(device_code_seal(NULL, REALM, "alice", CODE, device_secret, &sealed), 0);
    request.code_proof = pack_borrow(secret_bytes(proof));
    request.sealed_secret = pack_borrow(buffer_bytes(&sealed));
    if (!remote_token_is_logged_in(alice_token))
        ck_assert_uint_eq(remote_token_login(alice_token, PIN, &error), CKR_OK);
    rv = remote_token_manage(alice_token, METHOD_MakeDeviceCode, &request.base, &reply, &error);
    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv;
}

enum reason enrolment_try(Privyseal__V1__EnrolmentProof proof, const char *user, struct bytes pin,
                          struct bytes code, struct person *ret)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    struct remote *remote = enrolment_stranger();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct remote_enrolment enrolment = {
        .user = user, .pin = pin, .proof = proof, .code = code, .label = "new one"
    };
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    enrolment_request(key, &request);
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

void enrolment_person_free(struct person *person)
{
    EVP_PKEY_free(person->key);
    certificate_free_stack(person->chain);
}

CK_RV enrolment_login_as(const struct person *person, struct bytes pin)
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
