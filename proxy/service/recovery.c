/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.c - the ways back into a token, set up and taken down by its user with the token open: a recovery code, and
 * officers.
 */
#include "proxy/service/recovery.h"

#include <string.h>

#include "proto/name.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/pin_proof.h"
#include "proxy/service/random.h"
#include "proxy/service/refusal.h"

/* ------------------------------------------------------------------------------------------------- changes */

enum reason recovery_change_begin(struct service *service, const struct call *call, struct change *change,
                                  struct recovery *ret)
{
    enum reason reason = change_begin(service, call->token.name, change);

    /* A lease knows up to five seconds late that its PIN is over: here that would be too late. */
    if (reason == REASON_NONE && change->token.pin_version != call->token.pin_version)
        reason = call->lease ? REASON_UNLOCK_REQUIRED : REASON_PIN_CHANGED;
    if (reason == REASON_NONE)
        reason = recovery_prepare(&service->access, &change->token);
    return reason == REASON_NONE ? recovery_load(&service->access, &change->token, ret) : reason;
}

enum reason recovery_change_commit(struct service *service, struct change *change)
{
    enum reason reason = recovery_bind(&service->access, &change->token);

    return reason == REASON_NONE ? change_commit(service, change) : reason;
}

enum reason recovery_drop_request(struct service *service, struct recovery *recovery)
{
    struct store *store = service->access.store;
    struct quorum_row *quorum = &recovery->quorum;
    enum reason reason = REASON_NONE;

    if (!recovery->has_quorum)
        return REASON_NONE;
    memset(quorum->request, 0, sizeof(quorum->request));
    memset(quorum->check, 0, sizeof(quorum->check));
    quorum->asked_ms = quorum->from_ms = quorum->until_ms = 0;
    for (size_t i = 0; reason == REASON_NONE && i < recovery->share_count; i++) {
        recovery->shares[i].given_by = 0;
        recovery->shares[i].given.len = 0;
        reason = refusal_of_store(store_share_update(store, &recovery->shares[i]));
    }
    return reason == REASON_NONE ? refusal_of_store(store_quorum_update(store, quorum)) : reason;
}

/* A new access row of call->token that opens to @secret, ready to be stored. */
static enum reason make_row(struct service *service, const struct call *call, enum access_kind kind,
                            struct bytes secret, struct access_row *row)
{
    const struct lease *lease = call->lease;
    enum reason reason = pin_row_name(service, &call->token, call->token.pin_version, row);
    CK_RV rv;

    row->kind = kind;
    if (reason != REASON_NONE)
        return reason;
    rv = lease->custody->add_secret(lease->custody_token, secret, row);
    if (rv != CKR_OK)
        return rv == CKR_FUNCTION_NOT_SUPPORTED ? REASON_RECOVERY_IMPOSSIBLE : refusal_of_rv(rv);
    return pin_row_finish(service, &call->token, secret, row);
}

static enum reason replace_row(struct service *service, const struct change *change, struct access_row *row)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_access_delete(store, change->token.id, row->kind));

    return reason == REASON_NONE ? refusal_of_store(store_access_insert(store, row)) : reason;
}

/* --------------------------------------------------------------------------------------------- PutRecovery */

static enum reason store_code(struct service *service, const struct call *call, struct access_row *row)
{
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = recovery_change_begin(service, call, &change, &recovery);

    if (reason == REASON_NONE)
        reason = replace_row(service, &change, row);
    return reason == REASON_NONE ? recovery_change_commit(service, &change) : reason;
}

enum reason handle_PutRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__PutRecoveryRequest *ask = (const Privyseal__V1__PutRecoveryRequest *)request;
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    struct bytes secret = pack_lend(&ask->recovery_secret), blob = pack_lend(&ask->device_secret_blob);
    enum reason reason;

    (void)reply;
    if (secret.len != STRETCHED_PIN_LEN || blob.len > RECOVERY_BLOB_MAX)
        return REASON_MALFORMED;
    reason = make_row(service, call, ACCESS_RECOVERY, secret, &row);
    if (reason != REASON_NONE)
        return reason;
    buffer_append(&row.blob, blob);
    reason = row.blob.failed ? REASON_INTERNAL : row_mac_access(&service->access, &row);
    if (reason == REASON_NONE)
        reason = store_code(service, call, &row);
    if (reason == REASON_NONE)
        notice_tell(service, call, "recovery.code", call->token.name);
    return reason;
}

/* ----------------------------------------------------------------------------------------------- PutQuorum */

static enum reason check_share(const struct service *service, const Privyseal__V1__PutQuorumRequest *ask,
                               size_t index)
{
    const Privyseal__V1__QuorumShare *share = ask->share[index];

    if (share->number != index + 1 || share->digest.len != HASH_LEN ||
        share->sealed.len != OFFICER_SEALED_LEN || !name_is_valid(bytes_of_text(share->name)) ||
        !officers_have(&service->officers, pack_lend(&share->officer)))
        return REASON_MALFORMED;
    for (size_t i = 0; i < index; i++)
        if (bytes_equal(pack_lend(&ask->share[i]->officer), pack_lend(&share->officer)))
            return REASON_MALFORMED;
    return REASON_NONE;
}

/* As many must be needed as the deployment says: a user may do without officers, but not with fewer. */
static enum reason check_quorum(const struct service *service, const Privyseal__V1__PutQuorumRequest *ask)
{
    uint32_t needed = service->config->recovery_needed;
    enum reason reason = REASON_NONE;

    if (needed == 0)
        return REASON_RECOVERY_UNKNOWN;
    if (ask->name.len != QUORUM_NAME_LEN || ask->quorum_secret.len != STRETCHED_PIN_LEN ||
        ask->needed != needed || ask->n_share < needed || ask->n_share > OFFICERS_MAX)
        return REASON_MALFORMED;
    for (size_t i = 0; reason == REASON_NONE && i < ask->n_share; i++)
        reason = check_share(service, ask, i);
    return reason;
}

static enum reason insert_share(struct store *store, int64_t token_id,
                                const Privyseal__V1__QuorumShare *share)
{
    struct share_row row = { .token_id = token_id, .number = share->number };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };

    memcpy(row.officer, share->officer.data, HASH_LEN);
    memcpy(row.digest, share->digest.data, HASH_LEN);
    strcpy(row.name, share->name); /* name_is_valid: at most NAME_MAX_LEN */
    buffer_append(&sealed, pack_lend(&share->sealed));
    if (sealed.failed)
        return REASON_INTERNAL;
    row.sealed = sealed; /* lent */
    return refusal_of_store(store_share_insert(store, &row));
}

static enum reason store_quorum(struct service *service, const struct call *call,
                                const Privyseal__V1__PutQuorumRequest *ask, struct access_row *row)
{
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    struct store *store = service->access.store;
    struct quorum_row quorum = { .token_id = call->token.id, .needed = ask->needed };
    enum reason reason = recovery_change_begin(service, call, &change, &recovery);

    memcpy(quorum.name, ask->name.data, sizeof(quorum.name));
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_quorum_delete(store, change.token.id));
    if (reason == REASON_NONE)
        reason = replace_row(service, &change, row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_quorum_insert(store, &quorum));
    for (size_t i = 0; reason == REASON_NONE && i < ask->n_share; i++)
        reason = insert_share(store, change.token.id, ask->share[i]);
    return reason == REASON_NONE ? recovery_change_commit(service, &change) : reason;
}

enum reason handle_PutQuorum(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__PutQuorumRequest *ask = (const Privyseal__V1__PutQuorumRequest *)request;
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    enum reason reason = check_quorum(service, ask);

    (void)reply;
    if (reason != REASON_NONE)
        return reason;
    snprintf(call->text.note, sizeof(call->text.note), "%u of %zu", ask->needed, ask->n_share);
    call->record.note = call->text.note;
    reason = make_row(service, call, ACCESS_QUORUM, pack_lend(&ask->quorum_secret), &row);
    if (reason == REASON_NONE)
        reason = store_quorum(service, call, ask, &row);
    if (reason == REASON_NONE)
        notice_tell(service, call, "recovery.quorum", call->token.name);
    return reason;
}

/* --------------------------------------------------------------------------- RemoveRecovery, CancelRecovery */

static enum reason remove_way(struct service *service, const struct change *change,
                              Privyseal__V1__RecoveryWay way)
{
    struct store *store = service->access.store;
    bool is_quorum = way == PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_QUORUM;
    enum access_kind kind = is_quorum ? ACCESS_QUORUM : ACCESS_RECOVERY;
    enum reason reason = refusal_of_store(store_access_delete(store, change->token.id, kind));

    if (reason == REASON_NONE && is_quorum)
        reason = refusal_of_store(store_quorum_delete(store, change->token.id));
    return reason;
}

enum reason handle_RemoveRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__RemoveRecoveryRequest *ask = (const Privyseal__V1__RemoveRecoveryRequest *)request;
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    bool is_quorum = ask->way == PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_QUORUM;
    enum reason reason;

    (void)reply;
    call->record.note = is_quorum ? "quorum" : "code";
    reason = recovery_change_begin(service, call, &change, &recovery);
    if (reason == REASON_NONE)
        reason = remove_way(service, &change, ask->way);
    if (reason == REASON_NONE)
        reason = recovery_change_commit(service, &change);
    if (reason == REASON_NONE)
        notice_tell(service, call, "recovery.removed", call->token.name);
    return reason;
}

/* Whoever has the PIN needs no officers: so the user stops what others asked for. */
enum reason handle_CancelRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = recovery_change_begin(service, call, &change, &recovery);

    (void)request;
    (void)reply;
    if (reason == REASON_NONE && recovery.quorum.until_ms == 0)
        reason = REASON_RECOVERY_UNKNOWN;
    if (reason == REASON_NONE)
        reason = recovery_drop_request(service, &recovery);
    if (reason == REASON_NONE)
        reason = recovery_change_commit(service, &change);
    if (reason == REASON_NONE)
        notice_tell(service, call, "recovery.cancelled", call->token.name);
    return reason;
}

/* --------------------------------------------------------------------------------------------- GetRecovery */

static enum reason fill_given(const struct recovery *recovery, Privyseal__V1__RecoveryInfo *info)
{
    info->given = message_alloc(recovery->share_count * sizeof(*info->given));
    if (!info->given)
        return REASON_INTERNAL;
    for (size_t i = 0; i < recovery->share_count; i++) {
        if (!recovery->shares[i].given_by)
            continue;
        if (message_set_text(&info->given[info->n_given], recovery->shares[i].name) < 0)
            return REASON_INTERNAL;
        info->n_given++;
    }
    return REASON_NONE;
}

enum reason recovery_info(const struct recovery *recovery, Privyseal__V1__RecoveryInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    const struct quorum_row *quorum = &recovery->quorum;
    Privyseal__V1__RecoveryInfo *info;
    enum reason reason;

    if (message_new(&privyseal__v1__recovery_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__RecoveryInfo *)message;
    info->asked_unix = (uint64_t)quorum->asked_ms / 1000;
    info->from_unix = (uint64_t)quorum->from_ms / 1000;
    info->until_unix = (uint64_t)quorum->until_ms / 1000;
    info->needed = quorum->needed;
    if (message_set_bytes(&info->request, BYTES_OF_ARRAY(quorum->request)) < 0 ||
        message_set_bytes(&info->certificate_hash, BYTES_OF_ARRAY(quorum->certificate)) < 0)
        return REASON_INTERNAL;
    reason = fill_given(recovery, info);
    if (reason == REASON_NONE)
        *ret = (Privyseal__V1__RecoveryInfo *)TAKE(message);
    return reason;
}

static enum reason quorum_info(const struct recovery *recovery, Privyseal__V1__QuorumInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__QuorumInfo *info;

    if (message_new(&privyseal__v1__quorum_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__QuorumInfo *)message;
    info->needed = recovery->quorum.needed;
    info->officer = message_alloc(recovery->share_count * sizeof(*info->officer));
    if (!info->officer)
        return REASON_INTERNAL;
    for (size_t i = 0; i < recovery->share_count; i++, info->n_officer++)
        if (message_set_text(&info->officer[i], recovery->shares[i].name) < 0)
            return REASON_INTERNAL;
    *ret = (Privyseal__V1__QuorumInfo *)TAKE(message);
    return REASON_NONE;
}

static enum reason fill_officers(const struct service *service, Privyseal__V1__GetRecoveryResponse *answer)
{
    const struct officers *officers = &service->officers;

    answer->officers_needed = service->config->recovery_needed;
    answer->delay_hours = service->config->recovery_delay_hours;
    answer->officer_certificate = message_alloc(officers->count * sizeof(*answer->officer_certificate));
    if (!answer->officer_certificate)
        return REASON_INTERNAL;
    for (size_t i = 0; i < officers->count; i++, answer->n_officer_certificate++)
        if (message_set_bytes(&answer->officer_certificate[i], buffer_bytes(&officers->certificate[i])) < 0)
            return REASON_INTERNAL;
    return REASON_NONE;
}

enum reason handle_GetRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    Privyseal__V1__GetRecoveryResponse *answer = (Privyseal__V1__GetRecoveryResponse *)reply;
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = recovery_load(&service->access, &call->token, &recovery);

    (void)request;
    if (reason == REASON_NONE)
        reason = fill_officers(service, answer);
    if (reason == REASON_NONE && recovery.has_quorum)
        reason = quorum_info(&recovery, &answer->quorum);
    if (reason == REASON_NONE && recovery_is_pending(&recovery.quorum, call->now_ms))
        reason = recovery_info(&recovery, &answer->request);
    return reason;
}
