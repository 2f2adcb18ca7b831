/* SPDX-License-Identifier: Apache-2.0 */
/* recover_code.c - a new PIN for who forgot the old one, by the recovery code, at once. */
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/pin_renewal.h"
#include "proxy/service/recover.h"
#include "proxy/service/recovery.h"
#include "proxy/service/refusal.h"

/* ------------------------------------------------------------------------------------------- FetchRecovery */

/* @ret->code is the row that @secret opens. */
static enum reason prove_code(struct service *service, struct call *call, struct bytes secret,
                              struct recovery *ret)
{
    enum reason reason = recovery_load(&service->access, &call->token, ret);
    bool is_right;

    if (reason == REASON_NONE && !ret->has_code)
        reason = REASON_RECOVERY_UNKNOWN;
    if (reason == REASON_NONE)
        reason = recover_check_value(service, call, &ret->code, secret, &is_right);
    if (reason != REASON_NONE)
        return reason;
    return is_right ? REASON_NONE : recover_count_failure(service, call);
}

/* Sealed as it is: S_r opens the token, but only the code itself what lies here. */
enum reason handle_FetchRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__FetchRecoveryRequest *ask = (const Privyseal__V1__FetchRecoveryRequest *)request;
    Privyseal__V1__FetchRecoveryResponse *answer = (Privyseal__V1__FetchRecoveryResponse *)reply;
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    struct bytes secret = pack_lend(&ask->recovery_secret);
    enum reason reason = secret.len == STRETCHED_PIN_LEN ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recover_check_standing(call, pack_lend(&ask->certificate_hash), call->token.pin_version);
    if (reason == REASON_NONE)
        reason = prove_code(service, call, secret, &recovery);
    if (reason == REASON_NONE &&
        message_set_bytes(&answer->device_secret_blob, buffer_bytes(&recovery.code.blob)) < 0)
        reason = REASON_INTERNAL;
    return reason;
}

/* ---------------------------------------------------------------------------------------------- RecoverPin */

static enum reason open_by_code(struct service *service, struct call *call, struct bytes secret,
                                struct opened *ret)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = prove_code(service, call, secret, &recovery);

    return reason == REASON_NONE ? recover_open_by(service, call, &recovery.code, secret, ret) : reason;
}

/* The row of the fresh code; kind PIN, and nothing in it, when the user wants none. */
static enum reason make_next(struct service *service, const struct call *call, const struct opened *opened,
                             const Privyseal__V1__RecoverPinRequest *ask, struct access_row *row)
{
    struct bytes secret = pack_lend(&ask->next_recovery_secret);
    enum reason reason;

    if (secret.len == 0)
        return REASON_NONE;
    reason = pin_row_name(service, &call->token, call->token.pin_version + 1, row);
    if (reason != REASON_NONE)
        return reason;
    row->kind = ACCESS_RECOVERY;
    buffer_append(&row->blob, pack_lend(&ask->device_secret_blob));
    if (row->blob.failed)
        return REASON_INTERNAL;
    reason = refusal_of_rv(opened->custody->add_secret(opened->token, secret, row));
    return reason == REASON_NONE ? pin_row_finish(service, &call->token, secret, row) : reason;
}

/* In the transaction of the new PIN: the code that was used is void, the fresh one takes its place. */
static enum reason use_code(struct service *service, const struct call *call, struct change *change,
                            void *arg)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    struct store *store = service->access.store;
    struct access_row *next = arg;
    enum reason reason = REASON_NONE;

    if (!bytes_equal(BYTES_OF_ARRAY(change->token.recovery), BYTES_OF_ARRAY(call->token.recovery)))
        reason = REASON_BUSY; /* changed since it was proved: prove it again */
    if (reason == REASON_NONE)
        reason = recovery_load(&service->access, &change->token, &recovery);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_access_delete(store, change->token.id, ACCESS_RECOVERY));
    if (reason == REASON_NONE && next->kind == ACCESS_RECOVERY)
        reason = refusal_of_store(store_access_insert(store, next));
    if (reason == REASON_NONE)
        reason = recovery_drop_request(service, &recovery);
    if (reason == REASON_NONE)
        reason = recover_forgive(service, change);
    return reason == REASON_NONE ? recovery_bind(&service->access, &change->token) : reason;
}

static bool is_well_formed(const Privyseal__V1__RecoverPinRequest *ask)
{
    return ask->recovery_secret.len == STRETCHED_PIN_LEN && ask->new_stretched_pin.len == STRETCHED_PIN_LEN &&
           (ask->next_recovery_secret.len == STRETCHED_PIN_LEN || ask->next_recovery_secret.len == 0) &&
           ask->device_secret_blob.len <= RECOVERY_BLOB_MAX;
}

enum reason handle_RecoverPin(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    const Privyseal__V1__RecoverPinRequest *ask = (const Privyseal__V1__RecoverPinRequest *)request;
    Privyseal__V1__RecoverPinResponse *answer = (Privyseal__V1__RecoverPinResponse *)reply;
    CLEANUP(access_row_clear) struct access_row next = { .kind = ACCESS_PIN };
    CLEANUP(opened_clear) struct opened opened = { 0 };
    const struct pin_renewal renewal = {
        .opened = &opened, .new_s = pack_lend(&ask->new_stretched_pin), .also = use_code, .arg = &next
    };
    enum reason reason = is_well_formed(ask) ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recover_check_standing(call, pack_lend(&ask->certificate_hash), ask->pin_version);
    if (reason == REASON_NONE)
        reason = open_by_code(service, call, pack_lend(&ask->recovery_secret), &opened);
    if (reason == REASON_NONE)
        reason = make_next(service, call, &opened, ask, &next);
    if (reason == REASON_NONE)
        reason = pin_renew(service, call, &renewal, &answer->pin_version);
    if (reason == REASON_NONE)
        notice_tell(service, call, "pin.recovered", call->token.name);
    return reason;
}
