/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - what an unlocked token does: sign, and make keys.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/key_kind.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"

#define RECORD_DIGEST_MAX 64 /* bytes recorded as they are: every digest there is */

/* --------------------------------------------------------------------------------------------------- Sign */

/* What an auditor compares with a document: the digest, out of its DigestInfo; of longer data its SHA-256. */
static enum reason record_digest(struct call *call, struct bytes data)
{
    CK_MECHANISM_TYPE hash = mechanism_hash_of_digest_info(data);
    size_t len = mechanism_hash_len(hash);
    uint8_t sha256[HASH_LEN];

    if (len > 0 && len <= data.len) {
        data = BYTES(data.data + data.len - len, len); /* its last field. RFC 8017 9.2 */
    } else if (data.len > RECORD_DIGEST_MAX) {
        if (digest_sha256(NULL, data, sha256) < 0)
            return REASON_INTERNAL;
        data = BYTES_OF_ARRAY(sha256);
    }
    hex_encode(data, call->text.digest);
    call->record.digest = call->text.digest;
    return REASON_NONE;
}

static enum reason record_request(struct call *call, const Privyseal__V1__SignRequest *ask)
{
    const struct mechanism *raw = mechanism_find(ask->mechanism);
    const char *hash = mechanism_hash_name(ask->hash_mechanism);

    if (ask->key.len != KEY_NAME_LEN || ask->data.len > SIGN_DATA_MAX ||
        strlen(ask->request_id) > CLIENT_REQUEST_ID_MAX)
        return REASON_MALFORMED;
    hex_encode(pack_lend(&ask->key), call->text.key);
    call->record.key = call->text.key;
    call->record.mechanism = raw ? raw->name : "";
    call->record.client_request_id = ask->request_id;
    if (hash) {
        snprintf(call->text.note, sizeof(call->text.note), "hash=%s", hash);
        call->record.note = call->text.note;
    }
    return record_digest(call, pack_lend(&ask->data));
}

/* The key by its name, its row believed, its time not over. */
static enum reason find_key(struct service *service, const struct call *call, const uint8_t *name,
                            struct key_row *ret)
{
    int r = store_key_get(service->access.store, call->token.id, name, ret);
    enum reason reason;

    if (r == -ENOENT)
        return REASON_KEY_UNKNOWN;
    if (r < 0)
        return refusal_of_store(r);
    reason = row_check_key(&service->access, ret);
    if (reason != REASON_NONE)
        return reason;
    return ret->expires_ms != 0 && call->now_ms >= ret->expires_ms ? REASON_KEY_EXPIRED : REASON_NONE;
}

static enum reason sign(struct service *service, struct call *call, const struct key_row *key,
                        const Privyseal__V1__SignRequest *ask, Privyseal__V1__SignResponse *answer)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    struct bytes data = pack_lend(&ask->data);
    CK_RV rv = mechanism_check_raw(ask->mechanism, key->key_type, key->bits, ask->pss, data);

    if (rv == CKR_OK)
        rv = call->lease->custody->sign(call->lease->custody_token, key, ask->mechanism, ask->pss, data,
                                        &signature);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    if (audit_next_count(service->audit, key->name, &call->record.key_count) < 0)
        return REASON_AUDIT;
    return message_set_bytes(&answer->signature, buffer_bytes(&signature)) < 0 ? REASON_INTERNAL
                                                                               : REASON_NONE;
}

enum reason handle_Sign(struct service *service, struct call *call, const ProtobufCMessage *request,
                        ProtobufCMessage *reply)
{
    const Privyseal__V1__SignRequest *ask = (const Privyseal__V1__SignRequest *)request;
    Privyseal__V1__SignResponse *answer = (Privyseal__V1__SignResponse *)reply;
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    enum reason reason = record_request(call, ask);

    if (reason == REASON_NONE)
        reason = find_key(service, call, ask->key.data, &key);
    return reason == REASON_NONE ? sign(service, call, &key, ask, answer) : reason;
}

/* -------------------------------------------------------------------------------------------- GenerateKey */

static enum reason count_keys(struct service *service, int64_t token_id, size_t *ret)
{
    struct key_row *rows = NULL;
    size_t count = 0;
    int r = store_key_list(service->access.store, token_id, &rows, &count);

    if (r < 0)
        return refusal_of_store(r);
    key_rows_free(rows, count);
    *ret = count;
    return count < KEYS_PER_TOKEN_MAX ? REASON_NONE : REASON_LIMIT;
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

    if (reason == REASON_NONE)
        reason = count_keys(service, change.token.id, &count); /* again: others make keys too */
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

/* Whatever can be refused is refused before the HSM works for seconds. */
static enum reason check_request(struct service *service, struct call *call,
                                 const Privyseal__V1__GenerateKeyRequest *ask,
                                 char ret_label[LABEL_MAX_LEN + 1])
{
    size_t count = 0;
    enum reason reason;

    if (strlen(ask->request_id) > CLIENT_REQUEST_ID_MAX)
        return REASON_MALFORMED;
    call->record.client_request_id = ask->request_id;
    reason = key_kind_check(service, call->token.custody, ask->key_type, ask->bits);
    if (reason == REASON_NONE)
        reason = count_keys(service, call->token.id, &count);
    return reason == REASON_NONE ? choose_label(ask->label, count, ret_label) : reason;
}

enum reason handle_GenerateKey(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__GenerateKeyRequest *ask = (const Privyseal__V1__GenerateKeyRequest *)request;
    Privyseal__V1__GenerateKeyResponse *answer = (Privyseal__V1__GenerateKeyResponse *)reply;
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    char label[LABEL_MAX_LEN + 1];
    enum reason reason = check_request(service, call, ask, label);

    if (reason == REASON_NONE)
        reason = refusal_of_rv(
            call->lease->custody->generate(call->lease->custody_token, ask->key_type, ask->bits, &key));
    if (reason != REASON_NONE)
        return reason;
    key.token_id = call->token.id;
    strcpy(key.label, label);
    hex_encode(BYTES_OF_ARRAY(key.name), call->text.key);
    call->record.key = call->text.key;
    reason = store_key(service, call, &key);
    if (reason == REASON_NONE)
        return key_info(&key, &answer->key);
    undo_key(service, call, &key);
    return reason;
}
