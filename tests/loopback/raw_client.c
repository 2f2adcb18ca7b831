/* SPDX-License-Identifier: Apache-2.0 */
/* raw_client.c - the wire by hand. */
#include "tests/loopback/raw_client.h"

#include <check.h>
#include <string.h>
#include <time.h>

#include "proto/pack.h"
#include "proto/seal.h"

static const uint8_t raw_s[STRETCHED_PIN_LEN] = "a secret that nobody stretched";
static const uint8_t client_secret[CLIENT_SECRET_LEN] = "and another, for the session";

static void make_challenge(uint8_t ret[CHALLENGE_LEN])
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    ck_assert_int_eq(challenge_make(deployment.service[SIGNER_WRAPPED].challenges,
                                    (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, ret),
                     0);
}

static enum grpc_status sealed(const struct raw_client *client, enum method_id id, struct bytes plaintext,
                               uint8_t challenge[CHALLENGE_LEN], struct secret **ret)
{
    const struct seal_epoch *epoch = &deployment.service[SIGNER_WRAPPED].seal[0];
    const struct method *method = method_by_id(id);
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };

    make_challenge(challenge);
    ck_assert_int_eq(seal_request(NULL, REALM, method, BYTES_OF_ARRAY(epoch->public_key),
                                  BYTES(challenge, CHALLENGE_LEN), plaintext, &call, &message),
                     0);
    deployment_carry(method, client->person->certificate_hash, buffer_bytes(&message), &reply);
    if (reply.status == GRPC_OK)
        ck_assert_int_eq(seal_open_reply(NULL, method, &call, buffer_bytes(&reply.body), ret), 0);
    return reply.status;
}

enum grpc_status raw_sealed(const struct raw_client *client, enum method_id method, struct bytes plaintext,
                            struct secret **ret)
{
    uint8_t challenge[CHALLENGE_LEN];

    return sealed(client, method, plaintext, challenge, ret);
}

void raw_unlock_request(const struct raw_client *client, struct buffer *ret)
{
    Privyseal__V1__UnlockRequest request = PRIVYSEAL__V1__UNLOCK_REQUEST__INIT;

    request.token = "alice";
    request.pin_version = 1;
    request.stretched_pin = pack_borrow(BYTES_OF_ARRAY(raw_s));
    request.client_secret = pack_borrow(BYTES_OF_ARRAY(client_secret));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(client->person->certificate_hash));
    ck_assert_int_eq(pack_append(&request.base, ret), 0);
}

void raw_unlock(struct raw_client *client)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    Privyseal__V1__UnlockResponse *response;
    uint8_t challenge[CHALLENGE_LEN];

    raw_unlock_request(client, &request);
    ck_assert_int_eq(sealed(client, METHOD_Unlock, buffer_bytes(&request), challenge, &answer), GRPC_OK);
    response = privyseal__v1__unlock_response__unpack(NULL, answer->len, answer->data);
    ck_assert_ptr_nonnull(response);
    session_keys_clear(&client->keys);
    ck_assert_int_eq(session_keys_derive(NULL, REALM, "alice", BYTES_OF_ARRAY(client_secret),
                                         BYTES_OF_ARRAY(challenge), pack_lend(&response->lease),
                                         BYTES_OF_ARRAY(client->person->certificate_hash), &client->keys),
                     0);
    privyseal__v1__unlock_response__free_unpacked(response, NULL);
    client->sequence = 0;
}

void raw_start(struct raw_client *client)
{
    Privyseal__V1__SetPinRequest request = PRIVYSEAL__V1__SET_PIN_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    uint8_t code[ACTIVATION_CODE_LEN];

    *client = (struct raw_client){ .person = &deployment.alice };
    deployment_add_user("alice", client->person, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    request.token = "alice";
    request.activation_code = pack_borrow(BYTES_OF_ARRAY(code));
    request.stretched_pin = pack_borrow(BYTES_OF_ARRAY(raw_s));
    request.certificate_hash = pack_borrow(BYTES_OF_ARRAY(client->person->certificate_hash));
    ck_assert_int_eq(pack_append(&request.base, &packed), 0);
    ck_assert_int_eq(raw_sealed(client, METHOD_SetPin, buffer_bytes(&packed), &answer), GRPC_OK);
    raw_unlock(client);
}

void raw_clear(struct raw_client *client)
{
    session_keys_clear(&client->keys);
}

void raw_session_message(struct raw_client *client, enum method_id method, struct bytes plaintext,
                         struct buffer *ret)
{
    ck_assert_int_eq(
        session_request(NULL, &client->keys, method_by_id(method), ++client->sequence, plaintext, ret), 0);
}

enum grpc_status raw_session(struct raw_client *client, enum method_id id, struct bytes plaintext,
                             struct secret **ret)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };

    raw_session_message(client, id, plaintext, &message);
    deployment_carry(method_by_id(id), client->person->certificate_hash, buffer_bytes(&message), &reply);
    if (reply.status == GRPC_OK)
        ck_assert_int_eq(session_open_reply(NULL, &client->keys, method_by_id(id), client->sequence,
                                            buffer_bytes(&reply.body), ret),
                         0);
    return reply.status;
}

void raw_sign_request(struct raw_client *client, struct buffer *ret)
{
    Privyseal__V1__GenerateKeyRequest generate = PRIVYSEAL__V1__GENERATE_KEY_REQUEST__INIT;
    Privyseal__V1__SignRequest sign = PRIVYSEAL__V1__SIGN_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    Privyseal__V1__GenerateKeyResponse *response;
    static const uint8_t digest[HASH_LEN] = { 1, 2, 3 };

    generate.key_type = CKK_EC;
    generate.bits = 256;
    ck_assert_int_eq(pack_append(&generate.base, &packed), 0);
    ck_assert_int_eq(raw_session(client, METHOD_GenerateKey, buffer_bytes(&packed), &answer), GRPC_OK);
    response = privyseal__v1__generate_key_response__unpack(NULL, answer->len, answer->data);
    ck_assert_ptr_nonnull(response);
    sign.key = response->key->name;
    sign.mechanism = CKM_ECDSA;
    sign.data = pack_borrow(BYTES_OF_ARRAY(digest));
    ck_assert_int_eq(pack_append(&sign.base, ret), 0);
    privyseal__v1__generate_key_response__free_unpacked(response, NULL);
}
