/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.c - keys and certificates that are there already: called otherwise, or gone.
 *
 * A key and its certificate have one CKA_ID, by which applications find the one from the other; so it is changed for
 * both, whichever was named. Labels are each one's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"
#include "proxy/service/key_access.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/revocation.h"

/* Words for the record. */
static const char *const kinds[] = {
    [PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY] = "kind=key",
    [PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE] = "kind=certificate",
};

static enum reason record_object(struct call *call, const ProtobufCBinaryData *key,
                                 Privyseal__V1__ObjectKind kind)
{
    if ((unsigned)kind > PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE)
        return REASON_MALFORMED;
    call->record.note = kinds[kind];
    return key_record(call, key, "");
}

/* An error of the store about one of a token's objects. */
static enum reason refusal_of_object(int r)
{
    switch (r) {
    case -ENOENT:
        return REASON_OBJECT_UNKNOWN;
    case -EEXIST:
        return REASON_ID_TAKEN;
    default:
        return refusal_of_store(r);
    }
}

/* The row as it is inside of the transaction, believed. Whether the key has expired does not matter here. */
static enum reason load_key(struct service *service, int64_t token_id, const ProtobufCBinaryData *name,
                            struct key_row *ret)
{
    enum reason reason = row_load_key(&service->access, token_id, name->data, ret);

    return reason == REASON_NOT_FOUND ? REASON_OBJECT_UNKNOWN : reason;
}

/* ------------------------------------------------------------------------------------------- UpdateObject */

static enum reason check_update(const Privyseal__V1__UpdateObjectRequest *ask)
{
    if (ask->id.len > KEY_ID_MAX || (*ask->label && !label_is_valid(bytes_of_text(ask->label))) ||
        (!*ask->label && !ask->id.len))
        return REASON_MALFORMED;
    return REASON_NONE;
}

static enum reason update_key(struct service *service, struct key_row *key, const char *label,
                              struct bytes id)
{
    enum reason reason;

    if (*label)
        strcpy(key->label, label); /* label_is_valid: at most LABEL_MAX_LEN */
    if (id.len) {
        key->cka_id.len = 0;
        buffer_append(&key->cka_id, id);
    }
    if (key->cka_id.failed)
        return REASON_INTERNAL;
    reason = row_mac_key(&service->access, key);
    return reason == REASON_NONE ? refusal_of_object(store_key_update(service->access.store, key)) : reason;
}

static enum reason label_certificate(struct service *service, const struct key_row *key, const char *label)
{
    CLEANUP(certificate_row_clear) struct certificate_row row = { 0 };
    enum reason reason = row_load_certificate(&service->access, key->token_id, key->name, &row);

    if (reason == REASON_NOT_FOUND)
        return REASON_OBJECT_UNKNOWN;
    if (reason != REASON_NONE || !*label)
        return reason;
    strcpy(row.label, label); /* label_is_valid: at most LABEL_MAX_LEN */
    reason = row_mac_certificate(&service->access, &row);
    return reason == REASON_NONE ? refusal_of_object(store_certificate_put(service->access.store, &row))
                                 : reason;
}

static enum reason update(struct service *service, const Privyseal__V1__UpdateObjectRequest *ask,
                          int64_t token_id)
{
    bool is_certificate = ask->kind == PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE;
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    enum reason reason = load_key(service, token_id, &ask->key, &key);

    if (reason == REASON_NONE && is_certificate)
        reason = label_certificate(service, &key, ask->label);
    if (reason == REASON_NONE && (!is_certificate || ask->id.len))
        reason = update_key(service, &key, is_certificate ? "" : ask->label, pack_lend(&ask->id));
    return reason;
}

enum reason handle_UpdateObject(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__UpdateObjectRequest *ask = (const Privyseal__V1__UpdateObjectRequest *)request;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = record_object(call, &ask->key, ask->kind);

    (void)reply;
    if (reason == REASON_NONE)
        reason = check_update(ask);
    if (reason == REASON_NONE)
        reason = change_begin(service, call->token.name, &change);
    if (reason == REASON_NONE)
        reason = update(service, ask, change.token.id);
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}

/* ------------------------------------------------------------------------------------------- DeleteObject */

/* Nobody signs with it from now on; where our own authority vouched for it, lists and answers say so. */
static enum reason revoke_certificates(struct service *service, struct call *call,
                                       const struct token_row *token, const struct key_row *key)
{
    size_t revoked = 0;
    enum reason reason = revoke_key_certificates(service, token, key->name, CRL_CESSATION, &revoked);

    snprintf(call->text.note, sizeof(call->text.note), "kind=key revoked=%zu", revoked);
    call->record.note = call->text.note;
    return reason;
}

/*
 * The row first, inside of the transaction, then what custody has of it: should the commit fail, there is a row without
 * a key, which can be deleted again; the other way round a key would stay that no row names.
 */
static enum reason delete_key(struct service *service, struct call *call, const struct token_row *token,
                              const ProtobufCBinaryData *name)
{
    const struct lease *lease = call->lease;
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    enum reason reason = load_key(service, token->id, name, &key);
    CK_RV rv;

    if (reason == REASON_NONE)
        reason = revoke_certificates(service, call, token, &key);
    if (reason == REASON_NONE)
        reason = refusal_of_object(store_key_delete(service->access.store, token->id, key.name));
    if (reason != REASON_NONE)
        return reason;
    rv = lease->custody->destroy(lease->custody_token, &key);
    return rv == CKR_DATA_INVALID ? REASON_NONE
                                  : refusal_of_rv(rv); /* gone already, with a commit that was not */
}

enum reason handle_DeleteObject(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__DeleteObjectRequest *ask = (const Privyseal__V1__DeleteObjectRequest *)request;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = record_object(call, &ask->key, ask->kind);

    (void)reply;
    if (reason == REASON_NONE)
        reason = change_begin(service, call->token.name, &change);
    if (reason != REASON_NONE)
        return reason;
    if (ask->kind == PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE)
        reason = refusal_of_object(
            store_certificate_delete(service->access.store, change.token.id, ask->key.data));
    else
        reason = delete_key(service, call, &change.token, &ask->key);
    return reason == REASON_NONE ? change_commit(service, &change) : reason;
}
