/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.c - the life of a PIN: set once with an activation code, proved to unlock, changed, and let go.
 */
#include <string.h>

#include "proto/digest.h"
#include "proxy/service/activation.h"
#include "proxy/service/change.h"
#include "proxy/service/creation.h"
#include "proxy/service/device_renewal.h"
#include "proxy/service/factor_way.h"
#include "proxy/service/handlers.h"
#include "proxy/service/kd_rotation.h"
#include "proxy/service/message.h"
#include "proxy/service/moving.h"
#include "proxy/service/notice.h"
#include "proxy/service/pin_proof.h"
#include "proxy/service/pin_renewal.h"
#include "proxy/service/random.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"
#include "proxy/service/warm_up.h"

/* ------------------------------------------------------------------------------------------------- SetPin */

static enum reason create_secret(struct service *service, struct call *call,
                                 const Privyseal__V1__SetPinRequest *ask, struct creation *creation,
                                 struct access_row *row)
{
    struct bytes s = pack_lend(&ask->stretched_pin);
    enum reason reason = pin_row_name(service, &call->token, call->token.retired_versions + 1, row);

    creation->token = call->token;
    if (ask->keeps_recovery && call->token.custody == TOKEN_PARTITION)
        creation->token.recovery_bits |= RECOVERY_KEPT;
    if (reason == REASON_NONE)
        reason = creation_make(service, call, s, ask->transport, row, creation);
    return reason == REASON_NONE ? pin_row_finish(service, &creation->token, s, row) : reason;
}

/* The code is used up in the transaction that stores the PIN's row: of two at once, one finds it gone. */
static enum reason store_first_pin(struct service *service, struct call *call,
                                   const struct creation *creation, struct access_row *row)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, call->token.name, &change);

    if (reason != REASON_NONE)
        return reason;
    if (change.token.pin_version != 0)
        return REASON_PIN_ALREADY_SET;
    if (memcmp(change.token.activation, call->token.activation, HASH_LEN) != 0)
        return REASON_CODE_INCORRECT; /* a newer code was given out meanwhile */
    reason = refusal_of_store(store_access_insert(service->access.store, row));
    if (reason != REASON_NONE)
        return reason;
    memcpy(change.token.partition, creation->token.partition, sizeof(change.token.partition));
    change.token.recovery_bits = creation->token.recovery_bits;
    memset(change.token.activation, 0, HASH_LEN);
    change.token.activation_until_ms = 0;
    change.token.pin_version = row->version;
    return change_commit(service, &change);
}

enum reason handle_SetPin(struct service *service, struct call *call, const ProtobufCMessage *request,
                          ProtobufCMessage *reply)
{
    const Privyseal__V1__SetPinRequest *ask = (const Privyseal__V1__SetPinRequest *)request;
    Privyseal__V1__SetPinResponse *answer = (Privyseal__V1__SetPinResponse *)reply;
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    CLEANUP(creation_clear) struct creation creation = { 0 };
    struct bytes s = pack_lend(&ask->stretched_pin);
    enum reason reason = pin_check_certificate(call, pack_lend(&ask->certificate_hash));

    if (reason == REASON_NONE && s.len != STRETCHED_PIN_LEN)
        reason = REASON_MALFORMED;
    if (reason == REASON_NONE && call->token.pin_version != 0)
        reason = REASON_PIN_ALREADY_SET;
    if (reason == REASON_NONE)
        reason = activation_check(service, &call->token, pack_lend(&ask->activation_code), call->now_ms);
    if (reason == REASON_NONE)
        reason = create_secret(service, call, ask, &creation, &row);
    if (reason == REASON_NONE)
        reason = store_first_pin(service, call, &creation, &row);
    if (reason != REASON_NONE)
        return reason;
    creation_keep(&creation);
    answer->pin_version = row.version;
    notice_tell(service, call, "pin.set", call->token.name);
    return REASON_NONE;
}

/* ------------------------------------------------------------------------------------------------- Unlock */

/* Its first two bytes name this signer, so that the front can route by them. */
static int name_lease(const struct service *service, uint8_t id[LEASE_LEN])
{
    id[0] = (uint8_t)(service->config->signer >> 8);
    id[1] = (uint8_t)service->config->signer;
    return random_fill(id + 2, LEASE_LEN - 2);
}

static enum reason lease_make(struct service *service, const struct call *call, struct bytes client_secret,
                              struct opened *opened, struct lease **ret)
{
    CLEANUP(lease_free) struct lease *lease = calloc(1, sizeof(*lease));
    uint8_t id[LEASE_LEN];
    enum reason reason;

    if (!lease || name_lease(service, id) < 0)
        return REASON_INTERNAL;
    reason = grant_get(&service->access, &call->token, call->caller.principal.id, &lease->grant_bits);
    if (reason != REASON_NONE)
        return reason;
    if (session_keys_derive(NULL, service->config->realm, call->token.name, client_secret, call->challenge,
                            BYTES_OF_ARRAY(id), BYTES_OF_ARRAY(call->caller.certificate_hash),
                            &lease->keys) < 0)
        return REASON_INTERNAL;
    lease->caller = call->caller;
    lease->token = call->token;
    lease->factor = opened->way.factor;
    lease->only_enrols = opened->way.kind == FACTOR_WAY_ENROL;
    lease->custody = opened->custody;
    lease->custody_token = TAKE(opened->token);
    *ret = TAKE(lease);
    return REASON_NONE;
}

/* The caller compares it with the snapshot that came without proof. */
static enum reason fill_snapshot_hash(struct service *service, const struct call *call,
                                      const struct contents *contents, Privyseal__V1__UnlockResponse *answer)
{
    CLEANUP(secret_free) struct secret *snapshot = NULL;
    uint8_t hash[HASH_LEN];
    enum reason reason = snapshot_build(service, &call->token, contents, &snapshot);

    if (reason != REASON_NONE)
        return reason;
    if (digest_sha256(NULL, secret_bytes(snapshot), hash) < 0 ||
        message_set_bytes(&answer->snapshot_hash, BYTES_OF_ARRAY(hash)) < 0)
        return REASON_INTERNAL;
    return REASON_NONE;
}

/*
 * At how many signers a lease gains something. A partition has one signer, and a token whose policy counts the
 * signatures of a lease one lease.
 */
static uint32_t useful_signers(const struct service *service, const struct token_row *token)
{
    bool is_one = token->home >= 0 || token->policy.max_signatures;

    return is_one ? 1 : service->config->signers - service->config->partition_signers;
}

/* How often each key was used is read once in a signer's life: here, where the store is there, and not by the first use. */
static void read_counts(struct service *service, const struct contents *contents)
{
    uint64_t count;

    for (size_t i = 0; i < contents->key_count; i++)
        if (audit_next_count(service->audit, contents->keys[i].name, &count) < 0)
            return; /* the first use asks */
}

/* With the rows of its keys: they were read just now, and whoever signs needs no store for them. */
static enum reason give_lease(struct service *service, const struct call *call, struct lease *made,
                              struct contents *contents, Privyseal__V1__UnlockResponse *answer)
{
    CLEANUP(lease_free) struct lease *lease = made;

    answer->idle_ms = lease_idle_ms(service->leases, &call->token);
    answer->life_ms = service->config->leases.life_ms;
    answer->only_enrols = lease->only_enrols;
    answer->signers = useful_signers(service, &call->token);
    if (message_set_bytes(&answer->lease, BYTES_OF_ARRAY(lease->keys.lease)) < 0 ||
        leases_add(service->leases, lease, call->now_ms) < 0)
        return REASON_INTERNAL;
    made->key_rows = TAKE(contents->keys);
    made->key_row_count = contents->key_count;
    contents->key_count = 0;
    warm_up_begin(service, TAKE(lease));
    return REASON_NONE;
}

enum reason handle_Unlock(struct service *service, struct call *call, const ProtobufCMessage *request,
                          ProtobufCMessage *reply)
{
    const Privyseal__V1__UnlockRequest *ask = (const Privyseal__V1__UnlockRequest *)request;
    Privyseal__V1__UnlockResponse *answer = (Privyseal__V1__UnlockResponse *)reply;
    const struct pin_proof proof = {
        .pin_version = ask->pin_version,
        .s = pack_lend(&ask->stretched_pin),
        .certificate_hash = pack_lend(&ask->certificate_hash),
        .code = bytes_of_text(ask->code),
        .ticket = pack_lend(&ask->ticket),
    };
    CLEANUP(opened_clear) struct opened opened = { 0 };
    CLEANUP(contents_clear) struct contents contents = { 0 };
    struct lease *lease = NULL;
    enum reason reason;

    if (ask->client_secret.len != CLIENT_SECRET_LEN)
        return REASON_MALFORMED;
    reason = pin_proof_open(service, call, &proof, &opened);
    if (reason == REASON_NONE)
        kd_rotate(service, call, &opened, proof.s);
    if (reason == REASON_NONE)
        reason = contents_load(service, call->token.id, &contents);
    if (reason == REASON_NONE)
        reason = fill_snapshot_hash(service, call, &contents, answer);
    if (reason == REASON_NONE)
        reason = factor_way_ticket(service, call, &call->token, &opened.way, false, &answer->ticket);
    if (reason == REASON_NONE)
        read_counts(service, &contents);
    if (reason == REASON_NONE)
        reason = lease_make(service, call, pack_lend(&ask->client_secret), &opened, &lease);
    if (reason == REASON_NONE)
        reason = give_lease(service, call, lease, &contents, answer);
    if (reason == REASON_NONE)
        device_renewal_used(service, &call->caller);
    return reason;
}

/* The dispatcher removes the lease when the answer has been protected under its keys. */
enum reason handle_Lock(struct service *service, struct call *call, const ProtobufCMessage *request,
                        ProtobufCMessage *reply)
{
    (void)service;
    (void)request;
    (void)reply;
    call->ends_lease = true;
    return REASON_NONE;
}

/* ---------------------------------------------------------------------------------------------- ChangePin */

enum reason handle_ChangePin(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ChangePinRequest *ask = (const Privyseal__V1__ChangePinRequest *)request;
    Privyseal__V1__ChangePinResponse *answer = (Privyseal__V1__ChangePinResponse *)reply;
    const struct pin_proof proof = {
        .pin_version = ask->pin_version,
        .s = pack_lend(&ask->stretched_pin),
        .certificate_hash = pack_lend(&ask->certificate_hash),
        .code = bytes_of_text(ask->code),
        .ticket = pack_lend(&ask->ticket),
        .next_s = pack_lend(&ask->new_stretched_pin),
    };
    struct bytes new_s = pack_lend(&ask->new_stretched_pin);
    CLEANUP(opened_clear) struct opened opened = { 0 };
    CLEANUP(creation_clear) struct creation moving = { 0 };
    struct pin_renewal renewal = { .opened = &opened, .old_s = proof.s, .new_s = new_s };
    enum reason reason;

    if (new_s.len != STRETCHED_PIN_LEN)
        return REASON_MALFORMED;
    reason = pin_proof_open(service, call, &proof, &opened);
    if (reason == REASON_NONE && ask->moves) {
        renewal.also = moving_store;
        renewal.arg = &moving;
        reason = moving_begin(service, call, ask, &moving);
    }
    if (reason == REASON_NONE)
        reason = pin_renew(service, call, &renewal, &answer->pin_version);
    if (reason != REASON_NONE)
        return reason;
    creation_keep(&moving);
    call->record.note = ask->moves ? "moved into a partition" : "";
    call->token.pin_version = answer->pin_version;
    if (factor_way_ticket(service, call, &call->token, &opened.way, true, &answer->ticket) != REASON_NONE)
        call->record.note = "without a new ticket"; /* the PIN is changed; a code will be asked for */
    notice_tell(service, call, "pin.changed", call->token.name);
    return REASON_NONE;
}
