/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decryption.c - what keys of the two other uses do with an open token: decrypt, and agree on a secret.
 *
 * What comes out exists here in struct secret and in the reply, which is wiped, and leaves only under the session's
 * keys. The record says that it was done, with which key and how; of what came out, nothing.
 */
#include <errno.h>

#include "proto/mechanism.h"
#include "proxy/service/handlers.h"
#include "proxy/service/key_access.h"
#include "proxy/service/message.h"
#include "proxy/service/policies.h"
#include "proxy/service/refusal.h"
#include "proxy/service/stage.h"

static const char *mechanism_name(CK_MECHANISM_TYPE type)
{
    const struct mechanism *mechanism = mechanism_find(type);

    return mechanism ? mechanism->name : "";
}

/* The running count of a key counts every use of it. */
static enum reason give_out(struct service *service, struct call *call, const struct key_row *key,
                            const struct secret *secret, ProtobufCBinaryData *ret)
{
    int r;

    r = audit_next_count(service->audit, key->name, &call->record.key_count);
    if (r < 0)
        return r == -EAGAIN ? REASON_BUSY : REASON_AUDIT; /* the store is asked once for each key */
    return message_set_bytes(ret, secret_bytes(secret)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason decrypt(struct call *call, const struct key_row *key,
                           const Privyseal__V1__DecryptRequest *ask, struct secret **ret)
{
    const struct lease *lease = call->lease;
    struct bytes data = pack_lend(&ask->data);
    uint64_t begun_us = stage_now_us();
    CK_RV rv = mechanism_check_decrypt(ask->mechanism, key->key_type, key->bits, ask->oaep, data);

    if (rv == CKR_OK)
        rv = lease->custody->decrypt(lease->custody_token, key, ask->mechanism, ask->oaep, data, ret);
    call->hsm_us += stage_now_us() - begun_us;
    return refusal_of_rv(rv);
}

enum reason handle_Decrypt(struct service *service, struct call *call, const ProtobufCMessage *request,
                           ProtobufCMessage *reply)
{
    const Privyseal__V1__DecryptRequest *ask = (const Privyseal__V1__DecryptRequest *)request;
    Privyseal__V1__DecryptResponse *answer = (Privyseal__V1__DecryptResponse *)reply;
    CLEANUP(key_row_clear) struct key_row room = { 0 };
    const struct key_row *key = NULL;
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    enum reason reason = key_record(call, &ask->key, ask->request_id);

    call->record.mechanism = mechanism_name(ask->mechanism);
    if (reason == REASON_NONE)
        reason = key_record_digest(call, pack_lend(&ask->data));
    if (reason == REASON_NONE)
        reason = key_find(service, call, &ask->key, KEY_DECRYPTS, &room, &key);
    if (reason == REASON_NONE)
        reason = policy_of_use(&call->token, KEY_DECRYPTS, ask->mechanism);
    if (reason == REASON_NONE)
        reason = policy_count_use(service, call);
    if (reason == REASON_NONE)
        reason = decrypt(call, key, ask, &plaintext);
    return reason == REASON_NONE ? give_out(service, call, key, plaintext, &answer->plaintext) : reason;
}

enum reason handle_Derive(struct service *service, struct call *call, const ProtobufCMessage *request,
                          ProtobufCMessage *reply)
{
    const Privyseal__V1__DeriveRequest *ask = (const Privyseal__V1__DeriveRequest *)request;
    Privyseal__V1__DeriveResponse *answer = (Privyseal__V1__DeriveResponse *)reply;
    const struct lease *lease = call->lease;
    CLEANUP(key_row_clear) struct key_row room = { 0 };
    const struct key_row *key = NULL;
    CLEANUP(secret_free) struct secret *shared = NULL;
    enum reason reason = key_record(call, &ask->key, ask->request_id);
    uint64_t begun_us;

    call->record.mechanism = mechanism_name(ask->mechanism);
    if (reason == REASON_NONE)
        reason = key_record_digest(call, pack_lend(&ask->peer));
    if (reason == REASON_NONE && ask->mechanism != CKM_ECDH1_DERIVE)
        reason = REASON_MECHANISM;
    if (reason == REASON_NONE)
        reason = key_find(service, call, &ask->key, KEY_DERIVES, &room, &key);
    if (reason == REASON_NONE)
        reason = policy_of_use(&call->token, KEY_DERIVES, ask->mechanism);
    if (reason == REASON_NONE)
        reason = policy_count_use(service, call);
    begun_us = stage_now_us();
    if (reason == REASON_NONE)
        reason =
            refusal_of_rv(lease->custody->derive(lease->custody_token, key, pack_lend(&ask->peer), &shared));
    call->hsm_us += stage_now_us() - begun_us;
    return reason == REASON_NONE ? give_out(service, call, key, shared, &answer->secret) : reason;
}
