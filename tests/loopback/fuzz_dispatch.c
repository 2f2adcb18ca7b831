/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutations over real messages, always the same ones: first of whole envelopes, as a hostile front sends them, then
 * of what stands inside the seal and under the session keys, as a hostile client does. Under the sanitizers nothing
 * may fault, every envelope gets one well-formed answer, and what nobody could prove changes nothing.
 */
#include <string.h>

#include "proto/pack.h"
#include "proxy/signer/dispatch.h"
#include "tests/loopback/capture.h"
#include "tests/loopback/raw_client.h"
#include "tests/support/suite.h"

#define OUTER_ROUNDS 4000
#define INNER_ROUNDS 700

static struct raw_client client;
static struct captures captures;
static uint64_t state = 0x9e3779b97f4a7c15; /* xorshift64: any seed but zero */

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void setup(void)
{
    deployment_setup();
    raw_start(&client);
}

static void teardown(void)
{
    deployment_hook(NULL);
    captures_clear(&captures);
    raw_clear(&client);
    deployment_teardown();
}

/* One to four of: a bit flipped, a byte replaced, a piece cut out, a piece doubled. */
static void mutate(struct bytes original, struct buffer *ret)
{
    buffer_clear(ret);
    buffer_append(ret, original);
    for (uint64_t times = next_random() % 4 + 1; times > 0 && ret->len > 0; times--) {
        size_t at = next_random() % ret->len, len = next_random() % (ret->len - at) % 16 + 1;
        uint8_t piece[16];

        switch (next_random() % 4) {
        case 0:
            ret->data[at] ^= (uint8_t)(1U << next_random() % 8);
            break;
        case 1:
            ret->data[at] = (uint8_t)next_random();
            break;
        case 2:
            memmove(ret->data + at, ret->data + at + len, ret->len - at - len);
            ret->len -= len;
            break;
        default:
            memcpy(piece, ret->data + at, len);
            buffer_append(ret, BYTES(piece, len));
        }
    }
}

static void pack_envelope(const struct capture *capture, struct buffer *ret)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;

    envelope.id = 77;
    envelope.method = capture->method->id;
    envelope.certificate_hash = pack_borrow(BYTES_OF_ARRAY(capture->certificate_hash));
    envelope.request_id = "0123456789abcdef";
    envelope.peer = "192.0.2.7";
    envelope.body = pack_borrow(buffer_bytes(&capture->request));
    ck_assert_int_eq(pack_append(&envelope.base, ret), 0);
}

static void send_mutated(const struct capture *capture)
{
    CLEANUP(buffer_clear) struct buffer original = { 0 }, mutated = { 0 }, reply = { 0 };
    Privyseal__V1__EnvelopeReply *opened;

    pack_envelope(capture, &original);
    mutate(buffer_bytes(&original), &mutated);
    dispatch(&deployment.service[SIGNER_WRAPPED], buffer_bytes(&mutated), &reply);
    opened = privyseal__v1__envelope_reply__unpack(NULL, reply.len, reply.data);
    ck_assert_ptr_nonnull(opened);
    privyseal__v1__envelope_reply__free_unpacked(opened, NULL);
}

/* A message of every kind of proof. */
static void capture_some(void)
{
    struct front_hook keep = capture_hook(&captures);
    struct remote *remote = deployment_remote(&deployment.alice);
    struct remote_token *token = NULL;
    struct remote_snapshot *snapshot = NULL;
    struct remote_error error;
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    uint8_t code[ACTIVATION_CODE_LEN];

    deployment_hook(&keep);
    raw_unlock(&client);
    raw_sign_request(&client, &request);
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    deployment_add_user("bob", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(remote_token_new(remote, "alice", &token), 0);
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    remote_snapshot_unref(snapshot);
    remote_token_free(token);
    remote_free(remote);
    deployment_hook(NULL);
}

START_TEST(mutated_envelopes_are_answered_and_change_nothing)
{
    uint64_t users, keys, users_after, keys_after;
    unsigned signatures, unlocks;

    capture_some();
    ck_assert_int_eq(store_count(deployment.store, &users, &keys), 0);
    signatures = deployment_records("\"sign\",\"result\":\"OK\"");
    unlocks = deployment_records("\"unlock\",\"result\":\"OK\"");
    for (int i = 0; i < OUTER_ROUNDS; i++)
        send_mutated(&captures.rows[next_random() % captures.count]);
    ck_assert_int_eq(store_count(deployment.store, &users_after, &keys_after), 0);
    ck_assert_uint_eq(users_after, users);
    ck_assert_uint_eq(keys_after, keys);
    ck_assert_uint_eq(deployment_records("\"sign\",\"result\":\"OK\""), signatures);
    ck_assert_uint_eq(deployment_records("\"unlock\",\"result\":\"OK\""), unlocks);
}
END_TEST

START_TEST(mutated_sealed_requests_are_answered)
{
    CLEANUP(buffer_clear) struct buffer original = { 0 }, mutated = { 0 };
    static const enum method_id methods[] = { METHOD_Unlock, METHOD_SetPin, METHOD_ChangePin,
                                              METHOD_AddUser };

    raw_unlock_request(&client, &original);
    for (int i = 0; i < INNER_ROUNDS; i++) {
        CLEANUP(secret_free) struct secret *answer = NULL;

        mutate(buffer_bytes(&original), &mutated);
        (void)raw_sealed(&client, methods[next_random() % 4], buffer_bytes(&mutated), &answer);
    }
}
END_TEST

START_TEST(mutated_session_requests_are_answered)
{
    CLEANUP(buffer_clear) struct buffer original = { 0 }, mutated = { 0 };
    static const enum method_id methods[] = { METHOD_Sign, METHOD_Sign, METHOD_GenerateKey,
                                              METHOD_PutCertificate };

    raw_sign_request(&client, &original);
    for (int i = 0; i < INNER_ROUNDS; i++) {
        CLEANUP(secret_free) struct secret *answer = NULL;

        mutate(buffer_bytes(&original), &mutated);
        (void)raw_session(&client, methods[next_random() % 4], buffer_bytes(&mutated), &answer);
    }
}
END_TEST

SUITE_WITH_FIXTURE("loopback fuzz dispatch", setup, teardown,
                   mutated_envelopes_are_answered_and_change_nothing, mutated_sealed_requests_are_answered,
                   mutated_session_requests_are_answered);
