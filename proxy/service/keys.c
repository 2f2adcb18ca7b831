/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - what keys are made for and how: signing, with an open token or with the PIN in the same message; making.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "include/table.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/factor_way.h"
#include "proxy/service/handlers.h"
#include "proxy/service/key_access.h"
#include "proxy/service/key_kind.h"
#include "proxy/service/message.h"
#include "proxy/service/pin_proof.h"
#include "proxy/service/policies.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"
#include "proxy/service/stage.h"

/* --------------------------------------------------------------------------------------------------- Sign */

static enum reason record_request(struct call *call, const Privyseal__V1__SignRequest *ask)
{
    const struct mechanism *raw = mechanism_find(ask->mechanism);
    const char *hash = mechanism_hash_name(ask->hash_mechanism);
    enum reason reason = key_record(call, &ask->key, ask->request_id);

    if (reason != REASON_NONE)
        return reason;
    if (ask->data.len > SIGN_DATA_MAX)
        return REASON_MALFORMED;
    call->record.mechanism = raw ? raw->name : "";
    if (hash) {
        snprintf(call->text.note, sizeof(call->text.note), "hash=%s", hash);
        call->record.note = call->text.note;
    }
    return key_record_digest(call, pack_lend(&ask->data));
}

/* Everything that can be refused before the HSM, or a PIN, is asked. */
static enum reason prepare(struct service *service, struct call *call, const Privyseal__V1__SignRequest *ask,
                           struct key_row *room, const struct key_row **ret)
{
    enum reason reason = record_request(call, ask);

    if (reason == REASON_NONE)
        reason = key_find(service, call, &ask->key, KEY_SIGNS, room, ret);
    if (reason == REASON_NONE)
        reason = policy_of_use(&call->token, KEY_SIGNS, ask->mechanism);
    if (reason != REASON_NONE)
        return reason;
    return refusal_of_rv(
        mechanism_check_raw(ask->mechanism, (*ret)->key_type, (*ret)->bits, ask->pss, pack_lend(&ask->data)));
}

static enum reason sign(struct service *service, struct call *call, const struct opened *opened,
                        const struct key_row *key, const Privyseal__V1__SignRequest *ask,
                        ProtobufCBinaryData *ret)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    uint64_t begun_us = stage_now_us();
    CK_RV rv = opened->custody->sign(opened->token, key, ask->mechanism, ask->pss, pack_lend(&ask->data),
                                     &signature);
    int r;

    call->hsm_us += stage_now_us() - begun_us;
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    r = audit_next_count(service->audit, key->name, &call->record.key_count);
    if (r < 0)
        return r == -EAGAIN ? REASON_BUSY : REASON_AUDIT; /* the store is asked once for each key */
    return message_set_bytes(ret, buffer_bytes(&signature)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

enum reason handle_Sign(struct service *service, struct call *call, const ProtobufCMessage *request,
                        ProtobufCMessage *reply)
{
    const Privyseal__V1__SignRequest *ask = (const Privyseal__V1__SignRequest *)request;
    Privyseal__V1__SignResponse *answer = (Privyseal__V1__SignResponse *)reply;
    const struct opened opened = { call->lease->custody, call->lease->custody_token };
    CLEANUP(key_row_clear) struct key_row room = { 0 };
    const struct key_row *key;
    enum reason reason = prepare(service, call, ask, &room, &key);

    if (reason == REASON_NONE && (key->always_authenticate || call->token.policy.always_authenticate))
        reason = REASON_CONSENT_REQUIRED;
    if (reason == REASON_NONE)
        reason = policy_count_use(service, call);
    return reason == REASON_NONE ? sign(service, call, &opened, key, ask, &answer->signature) : reason;
}

/* ----------------------------------------------------------------------------------------------- SignOnce */

/* A mistake in the request costs no attempt; what the PIN opened is closed before the answer leaves. */
enum reason handle_SignOnce(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__SignOnceRequest *ask = (const Privyseal__V1__SignOnceRequest *)request;
    Privyseal__V1__SignOnceResponse *answer = (Privyseal__V1__SignOnceResponse *)reply;
    const struct pin_proof proof = {
        .pin_version = ask->pin_version,
        .s = pack_lend(&ask->stretched_pin),
        .certificate_hash = pack_lend(&ask->certificate_hash),
        .code = bytes_of_text(ask->code),
        .ticket = pack_lend(&ask->ticket),
    };
    CLEANUP(key_row_clear) struct key_row room = { 0 };
    CLEANUP(opened_clear) struct opened opened = { 0 };
    const struct key_row *key = NULL;
    enum reason reason = ask->sign ? prepare(service, call, ask->sign, &room, &key) : REASON_MALFORMED;

    if (reason == REASON_NONE && factor_is_missing(&call->token))
        reason = REASON_FACTOR_MISSING;
    if (reason == REASON_NONE)
        reason = policy_take_turn(service, call);
    if (reason == REASON_NONE)
        reason = pin_proof_open(service, call, &proof, &opened);
    if (reason == REASON_NONE)
        reason = factor_way_ticket(service, call, &call->token, &opened.way, false, &answer->ticket);
    return reason == REASON_NONE ? sign(service, call, &opened, key, ask->sign, &answer->signature) : reason;
}

/* -------------------------------------------------------------------------------------------- GenerateKey */

/* The token has room for one more, and none of its keys has the id that is wanted. */
static enum reason check_others(struct service *service, int64_t token_id, struct bytes id, size_t *ret_count)
{
    struct key_row *rows = NULL;
    enum reason reason = REASON_NONE;
    size_t count = 0;
    int r = store_key_list(service->access.store, token_id, &rows, &count);

    if (r < 0)
        return refusal_of_store(r);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(buffer_bytes(&rows[i].cka_id), id))
            reason = REASON_ID_TAKEN;
    key_rows_free(rows, count);
    *ret_count = count;
    return count < KEYS_PER_TOKEN_MAX ? reason : REASON_LIMIT;
}

static enum reason choose_label(const char *wanted, size_t count, char ret[LABEL_MAX_LEN + 1])
{
    if (!*wanted) {
        snprintf(ret, LABEL_MAX_LEN + 1, "key %zu", count + 1);
        return REASON_NONE;
    }
    if (!label_is_valid(bytes_of_text(wanted)))
        return REASON_MALFORMED;
    strcpy(ret, wanted); /* label_is_valid: at most LABEL_MAX_LEN */
    return REASON_NONE;
}

static enum reason store_key(struct service *service, const struct call *call, struct key_row *key)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, call->token.name, &change);
    size_t count;

    if (reason == REASON_NONE) /* again: others make keys too */
        reason = check_others(service, change.token.id, buffer_bytes(&key->cka_id), &count);
    if (reason == REASON_NONE)
        reason = policy_take_permit(&change.token);
    if (reason == REASON_NONE)
        reason = row_mac_key(&service->access, key);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_key_insert(service->access.store, key));
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

/* A commit that failed may have gone through all the same: only what certainly has no row is destroyed. */
static void undo_key(struct service *service, const struct call *call, const struct key_row *key)
{
    const struct lease *lease = call->lease;
    CLEANUP(key_row_clear) struct key_row found = { 0 };
    CK_RV rv = CKR_GENERAL_ERROR;

    if (store_key_get(service->access.store, key->token_id, key->name, &found) == -ENOENT)
        rv = lease->custody->destroy(lease->custody_token, key);
    if (rv != CKR_OK)
        log_event(LOG_LEVEL_ERROR, "key.remains", "token=\"%s\" key=%s rv=0x%lx", call->token.name,
                  call->text.key, rv);
}

static const char *use_word(Privyseal__V1__KeyUsage usage)
{
    static const char *const words[] = {
        [KEY_SIGNS] = "sign", [KEY_DECRYPTS] = "decrypt", [KEY_DERIVES] = "derive"
    };

    return (size_t)usage < ARRAY_SIZE(words) ? words[usage] : "unknown";
}

/* What makes a key of @type, as the record names mechanisms. */
static const char *generator_name(CK_KEY_TYPE type)
{
    switch (type) {
    case CKK_RSA:
        return "CKM_RSA_PKCS_KEY_PAIR_GEN";
    case CKK_EC:
        return "CKM_EC_KEY_PAIR_GEN";
    case CKK_EC_EDWARDS:
        return "CKM_EC_EDWARDS_KEY_PAIR_GEN";
    default:
        return "";
    }
}

/* Whatever can be refused is refused before the HSM works for seconds. */
static enum reason check_request(struct service *service, struct call *call,
                                 const Privyseal__V1__GenerateKeyRequest *ask,
                                 char ret_label[LABEL_MAX_LEN + 1])
{
    size_t count = 0;
    enum reason reason;

    if (strlen(ask->request_id) > CLIENT_REQUEST_ID_MAX || ask->id.len > KEY_ID_MAX)
        return REASON_MALFORMED;
    call->record.client_request_id = ask->request_id;
    snprintf(call->text.note, sizeof(call->text.note), "bits=%u use=%s", ask->bits, use_word(ask->usage));
    call->record.note = call->text.note;
    call->record.mechanism = generator_name(ask->key_type);
    reason = key_kind_check(service, call->token.custody, ask->key_type, ask->bits, ask->usage);
    if (reason == REASON_NONE && ask->always_authenticate &&
        ask->usage != PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN)
        reason = REASON_KEY_USAGE; /* there is no Decrypt with the PIN in the message */
    if (reason == REASON_NONE)
        reason = policy_of_new_key(service, call, (enum key_usage)ask->usage);
    if (reason == REASON_NONE)
        reason = check_others(service, call->token.id, pack_lend(&ask->id), &count);
    if (reason == REASON_NONE)
        reason = policy_check_making(service, call);
    return reason == REASON_NONE ? choose_label(ask->label, count, ret_label) : reason;
}

/* What its user chose of a key, besides what custody made. */
static enum reason complete(const struct call *call, const Privyseal__V1__GenerateKeyRequest *ask,
                            const char *label, struct key_row *key)
{
    key->token_id = call->token.id;
    key->always_authenticate = ask->always_authenticate;
    strcpy(key->label, label);
    buffer_append(&key->cka_id, ask->id.len ? pack_lend(&ask->id) : BYTES(key->name, KEY_ID_LEN));
    return key->cka_id.failed ? REASON_INTERNAL : REASON_NONE;
}

enum reason handle_GenerateKey(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__GenerateKeyRequest *ask = (const Privyseal__V1__GenerateKeyRequest *)request;
    Privyseal__V1__GenerateKeyResponse *answer = (Privyseal__V1__GenerateKeyResponse *)reply;
    const struct opened opened = { call->lease->custody, call->lease->custody_token };
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    char label[LABEL_MAX_LEN + 1];
    enum reason reason = check_request(service, call, ask, label);
    uint64_t begun_us = stage_now_us(), spent_us;

    if (reason != REASON_NONE)
        return reason;
    reason = refusal_of_rv(
        opened.custody->generate(opened.token, ask->key_type, ask->bits, (enum key_usage)ask->usage, &key));
    spent_us = stage_now_us() - begun_us;
    call->hsm_us += spent_us;
    policy_owe_making(service, call, spent_us);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(key.name), call->text.key);
    call->record.key = call->text.key;
    reason = complete(call, ask, label, &key);
    if (reason == REASON_NONE)
        reason = store_key(service, call, &key);
    if (reason == REASON_NONE)
        return key_info(&key, &answer->key);
    undo_key(service, call, &key);
    return reason;
}
