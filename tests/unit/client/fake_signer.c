/* SPDX-License-Identifier: Apache-2.0 */
/* fake_signer.c - proofs as a signer checks them, in a process without HSM, store or network. */
#include "tests/unit/client/fake_signer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/digest.h"
#include "proto/operator_proof.h"
#include "proto/pack.h"
#include "proto/pkcs11_more.h"
#include "proto/privyseal.pb-c.h"
#include "proto/seal.h"

#define REALM "example"
#define TOKEN "anna"

/* One request on its way through the signer. */
struct fake_call {
    struct fake_signer *fake;
    const struct method *method;
    struct bytes key, binding; /* of the failure's MAC; empty: not proved yet */
    struct failure failure;
};

typedef enum reason fake_handler(struct fake_call *call, const void *request, struct buffer *reply);

static void next_challenge(struct fake_signer *fake, uint8_t ret[CHALLENGE_LEN])
{
    memset(ret, 0, CHALLENGE_LEN);
    fake->challenges++;
    memcpy(ret + 2, &fake->challenges, sizeof(fake->challenges));
    fake->open_challenges |= 1u << fake->challenges % 32;
}

static bool use_challenge(struct fake_signer *fake, struct bytes challenge)
{
    uint64_t number;
    bool is_open;

    ck_assert_uint_eq(challenge.len, CHALLENGE_LEN);
    memcpy(&number, challenge.data + 2, sizeof(number));
    is_open = number + 16 > fake->challenges && fake->open_challenges & 1u << number % 32;
    fake->open_challenges &= ~(1u << number % 32);
    return is_open;
}

/* ------------------------------------------------------------------------------------------------------- snapshots */

static void public_key(struct buffer *ret)
{
    buffer_append_text(ret, "not a key, but as good as one: only its hash counts here");
}

static void build_snapshot(struct fake_signer *fake, const char *label, struct buffer *ret)
{
    Privyseal__V1__Snapshot snapshot = PRIVYSEAL__V1__SNAPSHOT__INIT;
    Privyseal__V1__KeyInfo key = PRIVYSEAL__V1__KEY_INFO__INIT, *keys[] = { &key };
    CLEANUP(buffer_clear) struct buffer spki = { 0 };
    uint8_t name[HASH_LEN];

    public_key(&spki);
    ck_assert_int_eq(digest_sha256(NULL, buffer_bytes(&spki), name), 0);
    if (fake->serves_wrong_name)
        name[31] ^= 1;
    key.id = pack_borrow(BYTES(name, KEY_ID_LEN));
    key.name = pack_borrow(BYTES_OF_ARRAY(name));
    key.label = (char *)label;
    key.key_type = CKK_RSA;
    key.public_key = pack_borrow(buffer_bytes(&spki));
    key.bits = 2048;
    snapshot.realm = (char *)REALM;
    snapshot.token = (char *)TOKEN;
    snapshot.serial = (char *)"0123456789abcdef";
    snapshot.version = fake->version;
    snapshot.n_key = 1;
    snapshot.key = keys;
    ck_assert_int_eq(pack_append(&snapshot.base, ret), 0);
}

static void snapshot_hash(struct fake_signer *fake, uint8_t ret[HASH_LEN])
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };

    build_snapshot(fake, fake->key_label, &message);
    ck_assert_int_eq(digest_sha256(NULL, buffer_bytes(&message), ret), 0);
}

/* -------------------------------------------------------------------------------------------------------- handlers */

static void certificates_of(struct fake_signer *fake, struct buffer ders[2], ProtobufCBinaryData ret[2])
{
    struct throwaway foreign = { 0 };

    if (fake->serves_foreign_chain)
        foreign = throwaway_make(THROWAWAY_SEAL_ISSUER, NULL, NULL);
    throwaway_der(&fake->seal, &ders[0]);
    throwaway_der(foreign.certificate ? &foreign : &fake->issuer, &ders[1]);
    throwaway_clear(&foreign);
    ret[0] = pack_borrow(buffer_bytes(&ders[0]));
    ret[1] = pack_borrow(buffer_bytes(&ders[1]));
}

static enum reason get_token(struct fake_call *call, const void *message, struct buffer *reply)
{
    struct fake_signer *fake = call->fake;
    const Privyseal__V1__GetTokenRequest *request = message;
    Privyseal__V1__GetTokenResponse response = PRIVYSEAL__V1__GET_TOKEN_RESPONSE__INIT;
    CLEANUP(buffer_clear) struct buffer snapshot = { 0 };
    struct buffer ders[2] = { { 0 } };
    ProtobufCBinaryData certificates[2];
    uint8_t challenge[CHALLENGE_LEN], hash[HASH_LEN];

    if (strcmp(request->token, TOKEN) != 0)
        return REASON_NOT_PERMITTED;
    build_snapshot(fake, fake->served_label ? fake->served_label : fake->key_label, &snapshot);
    ck_assert_int_eq(digest_sha256(NULL, buffer_bytes(&snapshot), hash), 0);
    if (!bytes_equal(pack_lend(&request->known_hash), BYTES_OF_ARRAY(hash)))
        response.snapshot = pack_borrow(buffer_bytes(&snapshot));
    next_challenge(fake, challenge);
    certificates_of(fake, ders, certificates);
    response.challenge = pack_borrow(BYTES_OF_ARRAY(challenge));
    response.n_seal_certificates = 2;
    response.seal_certificates = certificates;
    response.salt = pack_borrow(BYTES_OF_ARRAY(fake->salt));
    response.argon2_memory_kib = fake->cost.memory_kib;
    response.argon2_passes = fake->cost.passes;
    response.argon2_lanes = fake->cost.lanes;
    response.pin_version = fake->pin_version;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    buffer_clear(&ders[0]);
    buffer_clear(&ders[1]);
    return REASON_NONE;
}

static enum reason get_deployment(struct fake_call *call, const void *request, struct buffer *reply)
{
    Privyseal__V1__GetDeploymentResponse response = PRIVYSEAL__V1__GET_DEPLOYMENT_RESPONSE__INIT;
    struct buffer ders[2] = { { 0 } };
    ProtobufCBinaryData certificates[2];
    uint8_t challenge[CHALLENGE_LEN];

    (void)request;
    next_challenge(call->fake, challenge);
    certificates_of(call->fake, ders, certificates);
    response.realm = (char *)REALM;
    response.challenge = pack_borrow(BYTES_OF_ARRAY(challenge));
    response.n_seal_certificates = 2;
    response.seal_certificates = certificates;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    buffer_clear(&ders[0]);
    buffer_clear(&ders[1]);
    return REASON_NONE;
}

static enum reason list_tokens(struct fake_call *call, const void *request, struct buffer *reply)
{
    Privyseal__V1__ListTokensResponse response = PRIVYSEAL__V1__LIST_TOKENS_RESPONSE__INIT;
    char *names[] = { (char *)TOKEN, (char *)"berta" };

    (void)call;
    (void)request;
    response.n_token = 2;
    response.token = names;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static enum reason check_pin(struct fake_call *call, uint32_t version, const ProtobufCBinaryData *stretched)
{
    struct fake_signer *fake = call->fake;

    if (fake->pin_version == 0)
        return REASON_PIN_NOT_SET;
    if (version != fake->pin_version)
        return REASON_PIN_CHANGED;
    if (secret_equal(pack_lend(stretched), secret_bytes(fake->stretched)))
        return REASON_NONE;
    call->failure.tries_left = FAKE_TRIES - ++fake->failures;
    return REASON_PIN_INCORRECT;
}

static enum reason unlock(struct fake_call *call, const void *message, struct buffer *reply)
{
    struct fake_signer *fake = call->fake;
    const Privyseal__V1__UnlockRequest *request = message;
    Privyseal__V1__UnlockResponse response = PRIVYSEAL__V1__UNLOCK_RESPONSE__INIT;
    enum reason reason = check_pin(call, request->pin_version, &request->stretched_pin);
    struct fake_lease *lease = &fake->leases[fake->lease_count];
    uint8_t id[LEASE_LEN], hash[HASH_LEN];

    if (reason != REASON_NONE)
        return reason;
    ck_assert_uint_lt(fake->lease_count, FAKE_LEASES_MAX);
    fake->executed[METHOD_Unlock]++;
    memset(id, (int)++fake->leases_made, sizeof(id));
    session_keys_clear(&lease->keys);
    ck_assert_int_eq(session_keys_derive(NULL, REALM, TOKEN, pack_lend(&request->client_secret),
                                         call->binding, BYTES_OF_ARRAY(id),
                                         pack_lend(&request->certificate_hash), &lease->keys),
                     0);
    lease->last_sequence = 0;
    fake->lease_count++;
    snapshot_hash(fake, hash);
    response.lease = pack_borrow(BYTES_OF_ARRAY(id));
    response.snapshot_hash = pack_borrow(BYTES_OF_ARRAY(hash));
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static void take_stretched(struct fake_signer *fake, const ProtobufCBinaryData *stretched)
{
    secret_free(fake->stretched);
    fake->stretched = NULL;
    ck_assert_int_eq(secret_copy(pack_lend(stretched), &fake->stretched), 0);
    fake->pin_version++;
}

static enum reason change_pin(struct fake_call *call, const void *message, struct buffer *reply)
{
    const Privyseal__V1__ChangePinRequest *request = message;
    Privyseal__V1__ChangePinResponse response = PRIVYSEAL__V1__CHANGE_PIN_RESPONSE__INIT;
    enum reason reason = check_pin(call, request->pin_version, &request->stretched_pin);

    if (reason != REASON_NONE)
        return reason;
    take_stretched(call->fake, &request->new_stretched_pin);
    call->fake->lease_count = 0;
    call->fake->executed[METHOD_ChangePin]++;
    response.pin_version = call->fake->pin_version;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static enum reason set_pin(struct fake_call *call, const void *message, struct buffer *reply)
{
    static const uint8_t code[ACTIVATION_CODE_LEN] = "sixteen letters";
    const Privyseal__V1__SetPinRequest *request = message;
    Privyseal__V1__SetPinResponse response = PRIVYSEAL__V1__SET_PIN_RESPONSE__INIT;

    if (call->fake->pin_version)
        return REASON_PIN_ALREADY_SET;
    if (!bytes_equal(pack_lend(&request->activation_code), BYTES_OF_ARRAY(code)))
        return REASON_CODE_INCORRECT;
    take_stretched(call->fake, &request->stretched_pin);
    response.pin_version = 1;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static enum reason sign(struct fake_call *call, const void *message, struct buffer *reply)
{
    struct fake_signer *fake = call->fake;
    const Privyseal__V1__SignRequest *request = message;
    Privyseal__V1__SignResponse response = PRIVYSEAL__V1__SIGN_RESPONSE__INIT;
    uint8_t signature[HASH_LEN];

    fake->executed[METHOD_Sign]++;
    if (strcmp(fake->request_id, request->request_id) != 0)
        fake->request_ids_seen++;
    snprintf(fake->request_id, sizeof(fake->request_id), "%s", request->request_id);
    ck_assert_int_eq(digest_sha256(NULL, pack_lend(&request->data), signature), 0);
    response.signature = pack_borrow(BYTES_OF_ARRAY(signature));
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static enum reason generate_key(struct fake_call *call, const void *request, struct buffer *reply)
{
    Privyseal__V1__GenerateKeyResponse response = PRIVYSEAL__V1__GENERATE_KEY_RESPONSE__INIT;
    Privyseal__V1__KeyInfo key = PRIVYSEAL__V1__KEY_INFO__INIT;
    uint8_t name[KEY_NAME_LEN] = "a new key";

    (void)request;
    call->fake->executed[METHOD_GenerateKey]++;
    call->fake->version++;
    key.name = pack_borrow(BYTES_OF_ARRAY(name));
    response.key = &key;
    ck_assert_int_eq(pack_append(&response.base, reply), 0);
    return REASON_NONE;
}

static enum reason lock_token(struct fake_call *call, const void *request, struct buffer *reply)
{
    (void)request;
    (void)reply;
    call->fake->executed[METHOD_Lock]++;
    return REASON_NONE;
}

static enum reason set_user_enabled(struct fake_call *call, const void *message, struct buffer *reply)
{
    const Privyseal__V1__SetUserEnabledRequest *request = message;

    (void)reply;
    ck_assert_str_eq(request->user, "berta");
    call->fake->executed[METHOD_SetUserEnabled]++;
    return REASON_NONE;
}

static fake_handler *const handlers[METHODS] = {
    [METHOD_ListTokens] = list_tokens,
    [METHOD_GetToken] = get_token,
    [METHOD_SetPin] = set_pin,
    [METHOD_Unlock] = unlock,
    [METHOD_ChangePin] = change_pin,
    [METHOD_Lock] = lock_token,
    [METHOD_Sign] = sign,
    [METHOD_GenerateKey] = generate_key,
    [METHOD_GetDeployment] = get_deployment,
    [METHOD_SetUserEnabled] = set_user_enabled,
};

/* ---------------------------------------------------------------------------------------------------------- proofs */

static enum reason handle(struct fake_call *call, struct bytes message, struct buffer *reply)
{
    ProtobufCMessage *request =
        protobuf_c_message_unpack(call->method->request, NULL, message.len, message.data);
    enum reason reason;

    ck_assert_ptr_nonnull(request);
    reason = handlers[call->method->id](call, request, reply);
    protobuf_c_message_free_unpacked(request, NULL);
    return reason;
}

static void failed(struct fake_call *call, enum reason reason, struct channel_reply *ret)
{
    call->failure.reason = reason;
    strcpy(call->failure.request_id, "0123456789abcdef");
    if (reason == REASON_UNLOCK_REQUIRED || reason == REASON_CHALLENGE_STALE) {
        next_challenge(call->fake, call->failure.challenge);
        call->failure.has_challenge = true;
    }
    ret->status = reason_row(reason)->status;
    ck_assert_int_eq(
        failure_encode(NULL, &call->failure, call->method, call->key, call->binding, &ret->failure), 0);
}

static enum reason open_operator(struct fake_call *call, struct secret **message)
{
    CLEANUP(secret_free) struct secret *request = *message;
    Privyseal__V1__SignedRequest *proof =
        privyseal__v1__signed_request__unpack(NULL, request->len, request->data);
    X509_STORE *trust = X509_STORE_new();
    uint8_t hash[HASH_LEN];
    int r;

    ck_assert_ptr_nonnull(proof);
    X509_STORE_add_cert(trust, call->fake->root.certificate);
    r = operator_proof_check(NULL, REALM, call->method, call->binding, proof, trust, (uint64_t)time(NULL),
                             hash);
    *message = NULL;
    if (r == 0)
        ck_assert_int_eq(secret_copy(pack_lend(&proof->body), message), 0);
    X509_STORE_free(trust);
    privyseal__v1__signed_request__free_unpacked(proof, NULL);
    return r == 0 ? REASON_NONE : REASON_NOT_PERMITTED;
}

static void answer_sealed(struct fake_call *call, struct bytes body, struct channel_reply *ret)
{
    Privyseal__V1__Sealed *sealed = privyseal__v1__sealed__unpack(NULL, body.len, body.data);
    CLEANUP(seal_call_clear) struct seal_call seal = { 0 };
    CLEANUP(secret_free) struct secret *request = NULL;
    CLEANUP(buffer_clear) struct buffer reply = { 0 };
    enum reason reason = REASON_CHALLENGE_STALE;

    ck_assert_ptr_nonnull(sealed);
    if (use_challenge(call->fake, pack_lend(&sealed->challenge))) {
        ck_assert_int_eq(seal_open_request(NULL, REALM, call->method,
                                           BYTES_OF_ARRAY(call->fake->seal_private), sealed, &seal, &request),
                         0);
        call->key = secret_bytes(seal.failure_key);
        call->binding = BYTES_OF_ARRAY(seal.challenge);
        reason = call->method->proof == PROOF_OPERATOR ? open_operator(call, &request) : REASON_NONE;
    }
    if (reason == REASON_NONE)
        reason = handle(call, secret_bytes(request), &reply);
    if (reason == REASON_NONE)
        ck_assert_int_eq(seal_reply(NULL, call->method, &seal, buffer_bytes(&reply), &ret->body), 0);
    else
        failed(call, reason, ret);
    privyseal__v1__sealed__free_unpacked(sealed, NULL);
}

static struct fake_lease *find_lease(struct fake_signer *fake, struct bytes id)
{
    for (unsigned i = 0; i < fake->lease_count; i++)
        if (bytes_equal(id, BYTES_OF_ARRAY(fake->leases[i].keys.lease)))
            return &fake->leases[i];
    return NULL;
}

/* The same number and bytes: the same reply, and nothing is done twice. */
static void answer_lease(struct fake_call *call, struct fake_lease *lease,
                         const Privyseal__V1__Session *session, struct channel_reply *ret)
{
    CLEANUP(secret_free) struct secret *request = NULL;
    CLEANUP(buffer_clear) struct buffer reply = { 0 }, binding = { 0 };
    uint8_t hash[HASH_LEN];
    enum reason reason = REASON_NONE;

    ck_assert_int_eq(session_open_request(NULL, &lease->keys, call->method, session, &request), 0);
    buffer_append(&binding, BYTES_OF_ARRAY(lease->keys.lease));
    buffer_append_u64(&binding, session->sequence);
    call->key = secret_bytes(lease->keys.failure_key);
    call->binding = buffer_bytes(&binding);
    ck_assert_int_eq(digest_sha256(NULL, pack_lend(&session->ciphertext), hash), 0);
    if (session->sequence != lease->last_sequence) {
        reason = handle(call, secret_bytes(request), &reply);
        lease->last_sequence = session->sequence;
        memcpy(lease->last_hash, hash, HASH_LEN);
        buffer_clear(&lease->last_reply);
        if (reason == REASON_NONE)
            ck_assert_int_eq(session_reply(NULL, &lease->keys, call->method, session->sequence,
                                           buffer_bytes(&reply), &lease->last_reply),
                             0);
    } else if (memcmp(hash, lease->last_hash, HASH_LEN) != 0) {
        reason = REASON_REPLAY;
    }
    if (reason == REASON_NONE)
        buffer_append(&ret->body, buffer_bytes(&lease->last_reply));
    else
        failed(call, reason, ret);
}

static void answer_session(struct fake_call *call, struct bytes body, struct channel_reply *ret)
{
    Privyseal__V1__Session *session = privyseal__v1__session__unpack(NULL, body.len, body.data);
    struct fake_lease *lease = session ? find_lease(call->fake, pack_lend(&session->lease)) : NULL;

    ck_assert_ptr_nonnull(session);
    if (lease)
        answer_lease(call, lease, session, ret);
    else
        failed(call, REASON_UNLOCK_REQUIRED, ret);
    privyseal__v1__session__free_unpacked(session, NULL);
}

static void answer_plain(struct fake_call *call, struct bytes body, struct channel_reply *ret)
{
    enum reason reason = handle(call, body, &ret->body);

    if (reason != REASON_NONE)
        failed(call, reason, ret);
}

/* ----------------------------------------------------------------------------------------------------- the network */

static void answer(struct fake_signer *fake, const struct method *method, struct bytes request,
                   struct channel_reply *ret)
{
    struct fake_call call = { .fake = fake, .method = method };

    ck_assert_ptr_nonnull((void *)(uintptr_t)handlers[method->id]);
    if (method->proof == PROOF_PLAIN)
        answer_plain(&call, request, ret);
    else if (method->proof == PROOF_SESSION)
        answer_session(&call, request, ret);
    else
        answer_sealed(&call, request, ret);
}

static void forge(struct fake_signer *fake, const struct method *method, enum reason reason,
                  uint32_t retry_after_ms, struct channel_reply *ret)
{
    struct fake_call call = { .fake = fake, .method = method, .failure.retry_after_ms = retry_after_ms };

    channel_reply_clear(ret);
    failed(&call, reason, ret);
}

static void fake_call(struct channel *channel, const struct method *method, struct bytes request,
                      unsigned deadline_ms, struct channel_reply *ret)
{
    struct fake_signer *fake = (struct fake_signer *)channel;
    enum fake_event event = FAKE_HONEST;

    *ret = (struct channel_reply){ .was_sent = true };
    pthread_mutex_lock(&fake->lock);
    if (fake->scripted[method->id]) {
        event = fake->script[method->id][0];
        memmove(fake->script[method->id], fake->script[method->id] + 1,
                --fake->scripted[method->id] * sizeof(event));
    }
    fake->calls[method->id]++;
    if (event == FAKE_SIGNER_DIES)
        fake->lease_count = 0;
    if (event == FAKE_UNREACHABLE || deadline_ms == 0) {
        ret->status = GRPC_UNAVAILABLE;
        ret->was_sent = false;
    } else if (event == FAKE_BUSY) {
        forge(fake, method, REASON_BUSY, 30, ret);
    } else if (event == FAKE_FORGE_PIN) {
        forge(fake, method, REASON_PIN_INCORRECT, 0, ret);
    } else if (event == FAKE_FORGE_LOCKED) {
        forge(fake, method, REASON_PIN_LOCKED, 0, ret);
    } else {
        answer(fake, method, request, ret);
    }
    pthread_mutex_unlock(&fake->lock);
    if (event == FAKE_LOSE_REPLY) {
        channel_reply_clear(ret);
        ret->status = GRPC_UNAVAILABLE;
        ret->was_sent = true;
    }
    if (event == FAKE_ALTER_REPLY && ret->body.len)
        ret->body.data[ret->body.len - 1] ^= 1;
}

static void fake_certificate_hash(struct channel *channel, uint8_t ret[HASH_LEN])
{
    (void)channel;
    memset(ret, 0xce, HASH_LEN);
}

static void fake_free(struct channel *channel)
{
    fake_signer_free((struct fake_signer *)channel);
}

static const struct channel_ops fake_ops = {
    .call = fake_call,
    .certificate_hash = fake_certificate_hash,
    .free = fake_free,
};

static void make_certificates(struct fake_signer *fake)
{
    EVP_PKEY *seal;

    memset(fake->seal_private, 7, sizeof(fake->seal_private));
    seal =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, fake->seal_private, sizeof(fake->seal_private));
    fake->root = throwaway_make(THROWAWAY_ROOT, NULL, NULL);
    fake->issuer = throwaway_make(THROWAWAY_SEAL_ISSUER, &fake->root, NULL);
    fake->seal = throwaway_make(THROWAWAY_SEAL, &fake->issuer, seal);
    throwaway_write(&fake->root, fake->directory, "ca");
}

struct fake_signer *fake_signer_new(void)
{
    struct fake_signer *fake = calloc(1, sizeof(*fake));
    char path[128];

    ck_assert_ptr_nonnull(fake);
    strcpy(fake->directory, "/tmp/privyseal-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fake->directory));
    fake->channel.ops = &fake_ops;
    pthread_mutex_init(&fake->lock, NULL);
    make_certificates(fake);
    snprintf(path, sizeof(path), "%s/ca.pem", fake->directory);
    fake->deployment = (struct deployment_config){
        .name = (char *)"test",
        .realm = (char *)REALM,
        .ca = strdup(path),
        .connect_timeout_ms = 300,
        .login_timeout_ms = 20000,
        .sign_timeout_ms = 5000,
    };
    fake->cost = (struct stretch_cost){ ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR, 1 };
    fake->key_label = "my key";
    fake->version = 1;
    memset(fake->salt, 0x5a, sizeof(fake->salt));
    return fake;
}

static void remove_file(const struct fake_signer *fake, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", fake->directory, name);
    unlink(path);
}

void fake_signer_free(struct fake_signer *fake)
{
    for (unsigned i = 0; i < FAKE_LEASES_MAX; i++) {
        session_keys_clear(&fake->leases[i].keys);
        buffer_clear(&fake->leases[i].last_reply);
    }
    throwaway_clear(&fake->root);
    throwaway_clear(&fake->issuer);
    throwaway_clear(&fake->seal);
    secret_free(fake->stretched);
    remove_file(fake, "ca.pem");
    remove_file(fake, "ca.key");
    rmdir(fake->directory);
    free(fake->deployment.ca);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

void fake_signer_set_pin(struct fake_signer *fake, const char *pin)
{
    secret_free(fake->stretched);
    fake->stretched = NULL;
    ck_assert_int_eq(stretch_pin(NULL, REALM, TOKEN, bytes_of_text(pin), BYTES_OF_ARRAY(fake->salt),
                                 &fake->cost, fake->pin_version + 1, BYTES_NONE, &fake->stretched),
                     0);
    fake->pin_version++;
}

void fake_signer_script(struct fake_signer *fake, enum method_id method, enum fake_event event)
{
    ck_assert_uint_lt(fake->scripted[method], FAKE_SCRIPT_MAX);
    fake->script[method][fake->scripted[method]++] = event;
}
