/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover_officers.c - a new PIN for who forgot the old one, by officers, in three steps: the user asks, officers give
 * their shares (officers.c), the user finishes.
 *
 * The request holds the check value of the PIN row that it will open. So whoever has all shares, and no device of the
 * user's, sets no PIN.
 */
#include <stdio.h>
#include <string.h>

#include "proto/shamir.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/pin_renewal.h"
#include "proxy/service/random.h"
#include "proxy/service/recover.h"
#include "proxy/service/recovery.h"
#include "proxy/service/refusal.h"

#define HOUR_MS 3600000LL

/* ----------------------------------------------------------------------------------------- RequestRecovery */

/* What the PIN row will be, if it comes to that. */
static enum reason promise_row(struct service *service, const struct call *call, struct bytes new_s,
                               struct quorum_row *quorum)
{
    struct access_row row;
    enum reason reason = pin_row_name(service, &call->token, call->token.pin_version + 1, &row);

    if (reason == REASON_NONE)
        reason = pin_check_value(&service->access, &call->token, &row, new_s, row.check);
    if (reason != REASON_NONE)
        return reason;
    memcpy(quorum->row_name, row.row_name, sizeof(quorum->row_name));
    memcpy(quorum->check, row.check, sizeof(quorum->check));
    return random_fill(quorum->request, sizeof(quorum->request)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason open_request(struct service *service, const struct call *call, struct bytes new_s,
                                struct recovery *recovery)
{
    int64_t delay_ms = service->config->recovery_delay_hours * HOUR_MS;
    struct quorum_row *quorum = &recovery->quorum;
    enum reason reason = recovery_drop_request(service, recovery);

    if (reason == REASON_NONE)
        reason = promise_row(service, call, new_s, quorum);
    if (reason != REASON_NONE)
        return reason;
    memcpy(quorum->certificate, call->caller.certificate_hash, sizeof(quorum->certificate));
    quorum->principal_id = call->caller.principal.id;
    quorum->pin_version = call->token.pin_version;
    quorum->asked_ms = call->now_ms;
    quorum->from_ms = call->now_ms + delay_ms;
    quorum->until_ms = quorum->from_ms + RECOVERY_REQUEST_MS;
    return refusal_of_store(store_quorum_update(service->access.store, quorum));
}

static enum reason store_request(struct service *service, const struct call *call, struct bytes new_s,
                                 struct recovery *recovery)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = recovery_change_begin(service, call, &change, recovery);

    if (reason == REASON_NONE && !recovery->has_quorum)
        reason = REASON_RECOVERY_UNKNOWN;
    /* Each is a notice to the user and a question to every officer: not as fast as a machine can ask. */
    if (reason == REASON_NONE && recovery->quorum.asked_ms > call->now_ms - RECOVERY_WAIT_MS)
        reason = REASON_RECOVERY_WAITING;
    if (reason == REASON_NONE)
        reason = open_request(service, call, new_s, recovery);
    return reason == REASON_NONE ? recovery_change_commit(service, &change) : reason;
}

/* The user hears of it while there is time to cancel. */
static void tell_of_request(struct service *service, struct call *call, const struct quorum_row *quorum)
{
    struct notice notice = notice_of(call, "recovery.requested", call->token.name);
    char request[2 * QUORUM_NAME_LEN + 1], device[2 * HASH_LEN + 1], from[24];

    hex_encode(BYTES_OF_ARRAY(quorum->request), request);
    hex_encode(BYTES_OF_ARRAY(quorum->certificate), device);
    snprintf(from, sizeof(from), "%lld", (long long)quorum->from_ms / 1000);
    notice_add(&notice, "request", request);
    notice_add(&notice, "device", device);
    notice_add(&notice, "effective_unix", from);
    notice_send(service, &notice);
}

enum reason handle_RequestRecovery(struct service *service, struct call *call,
                                   const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Privyseal__V1__RequestRecoveryRequest *ask = (const Privyseal__V1__RequestRecoveryRequest *)request;
    Privyseal__V1__RequestRecoveryResponse *answer = (Privyseal__V1__RequestRecoveryResponse *)reply;
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    struct bytes new_s = pack_lend(&ask->new_stretched_pin);
    enum reason reason = new_s.len == STRETCHED_PIN_LEN ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recover_check_standing(call, pack_lend(&ask->certificate_hash), ask->pin_version);
    if (reason == REASON_NONE)
        reason = store_request(service, call, new_s, &recovery);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(recovery.quorum.request), call->text.note);
    call->record.note = call->text.note;
    tell_of_request(service, call, &recovery.quorum);
    return recovery_info(&recovery, &answer->request);
}

/* ------------------------------------------------------------------------------------------ FinishRecovery */

static size_t count_given(const struct recovery *recovery)
{
    size_t count = 0;

    for (size_t i = 0; i < recovery->share_count; i++)
        count += recovery->shares[i].given_by != 0;
    return count;
}

/* It is this request, of this device, and its time has come. */
static enum reason check_request(struct call *call, const struct recovery *recovery, struct bytes request)
{
    const struct quorum_row *quorum = &recovery->quorum;

    if (!recovery_is_pending(quorum, call->now_ms) ||
        !bytes_equal(request, BYTES_OF_ARRAY(quorum->request)) ||
        quorum->pin_version != call->token.pin_version ||
        !bytes_equal(BYTES_OF_ARRAY(quorum->certificate), BYTES_OF_ARRAY(call->caller.certificate_hash)))
        return REASON_RECOVERY_UNKNOWN;
    if (count_given(recovery) >= quorum->needed && call->now_ms >= quorum->from_ms)
        return REASON_NONE;
    call->failure.retry_after_ms =
        quorum->from_ms > call->now_ms ? (uint32_t)(quorum->from_ms - call->now_ms) : 0;
    return REASON_RECOVERY_WAITING;
}

/*
 * A wrong new PIN may be somebody's guess who has the device: a few are slips, after them the request is void, and
 * officers have to be asked again.
 */
static enum reason count_wrong_pin(struct service *service, struct call *call)
{
    CLEANUP(change_clear) struct change change = { 0 };
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = recover_count_failure(service, call);

    if (reason != REASON_RECOVERY_INCORRECT || call->token.recovery_failures < RECOVERY_FREE)
        return reason;
    reason = recovery_change_begin(service, call, &change, &recovery);
    if (reason == REASON_NONE)
        reason = recovery_drop_request(service, &recovery);
    if (reason == REASON_NONE)
        reason = recovery_change_commit(service, &change);
    return reason == REASON_NONE ? REASON_RECOVERY_INCORRECT : reason;
}

static enum reason check_new_pin(struct service *service, struct call *call, const struct quorum_row *quorum,
                                 struct bytes new_s)
{
    struct access_row row = { .kind = ACCESS_PIN, .version = call->token.pin_version + 1 };
    enum reason reason;
    bool is_right;

    memcpy(row.row_name, quorum->row_name, sizeof(row.row_name));
    memcpy(row.check, quorum->check, sizeof(row.check));
    reason = recover_check_value(service, call, &row, new_s, &is_right);
    return reason != REASON_NONE || is_right ? reason : count_wrong_pin(service, call);
}

/* Q out of the first shares that were given; each was compared with its digest when it came. */
static enum reason join_shares(struct service *service, const struct call *call,
                               const struct recovery *recovery, struct secret **ret)
{
    struct shamir_share shares[OFFICERS_MAX] = { 0 };
    enum reason reason = REASON_NONE;
    size_t count = 0;

    for (size_t i = 0; reason == REASON_NONE && i < recovery->share_count && count < OFFICERS_MAX &&
                       count < recovery->quorum.needed;
         i++) {
        const struct share_row *row = &recovery->shares[i];

        if (!row->given_by)
            continue;
        shares[count].index = (uint8_t)row->number;
        reason = recovery_share_open(service, &call->token, &recovery->quorum, row, &shares[count].data);
        count++;
    }
    if (reason == REASON_NONE && shamir_join(shares, count, ret) < 0)
        reason = REASON_INTERNAL;
    shamir_shares_clear(shares, count);
    return reason;
}

static enum reason open_by_shares(struct service *service, const struct call *call,
                                  const struct recovery *recovery, struct opened *ret)
{
    const struct officer_quorum quorum = recovery_quorum(service, &call->token, &recovery->quorum);
    CLEANUP(secret_free) struct secret *q = NULL;
    CLEANUP(secret_free) struct secret *secret = NULL;
    enum reason reason = join_shares(service, call, recovery, &q);
    bool is_right;

    if (reason == REASON_NONE && officer_quorum_secret(NULL, &quorum, secret_bytes(q), &secret) < 0)
        reason = REASON_INTERNAL;
    if (reason == REASON_NONE)
        reason = recover_check_value(service, call, &recovery->joined, secret_bytes(secret), &is_right);
    if (reason != REASON_NONE)
        return reason;
    return is_right ? recover_open_by(service, call, &recovery->joined, secret_bytes(secret), ret)
                    : REASON_INTEGRITY;
}

/* Q was in a signer's hands: it opens nothing from now on, and the user chooses anew whether officers may help. */
static enum reason use_quorum(struct service *service, const struct call *call, struct change *change,
                              void *arg)
{
    struct store *store = service->access.store;
    enum reason reason = REASON_NONE;

    (void)arg;
    if (!bytes_equal(BYTES_OF_ARRAY(change->token.recovery), BYTES_OF_ARRAY(call->token.recovery)))
        reason = REASON_BUSY;
    if (reason == REASON_NONE)
        reason = recovery_prepare(&service->access, &change->token);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_access_delete(store, change->token.id, ACCESS_QUORUM));
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_quorum_delete(store, change->token.id));
    if (reason == REASON_NONE)
        reason = recover_forgive(service, change);
    return reason == REASON_NONE ? recovery_bind(&service->access, &change->token) : reason;
}

enum reason handle_FinishRecovery(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__FinishRecoveryRequest *ask = (const Privyseal__V1__FinishRecoveryRequest *)request;
    Privyseal__V1__FinishRecoveryResponse *answer = (Privyseal__V1__FinishRecoveryResponse *)reply;
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    CLEANUP(opened_clear) struct opened opened = { 0 };
    struct bytes new_s = pack_lend(&ask->new_stretched_pin);
    struct pin_renewal renewal = { .opened = &opened, .new_s = new_s, .also = use_quorum };
    enum reason reason = new_s.len == STRETCHED_PIN_LEN ? REASON_NONE : REASON_MALFORMED;

    if (reason == REASON_NONE)
        reason = recover_check_standing(call, pack_lend(&ask->certificate_hash), call->token.pin_version);
    if (reason == REASON_NONE)
        reason = recovery_load(&service->access, &call->token, &recovery);
    if (reason == REASON_NONE)
        reason = check_request(call, &recovery, pack_lend(&ask->request));
    if (reason == REASON_NONE)
        reason = check_new_pin(service, call, &recovery.quorum, new_s);
    if (reason == REASON_NONE)
        reason = open_by_shares(service, call, &recovery, &opened);
    renewal.row_name = recovery.quorum.row_name;
    if (reason == REASON_NONE)
        reason = pin_renew(service, call, &renewal, &answer->pin_version);
    if (reason == REASON_NONE)
        notice_tell(service, call, "pin.recovered", call->token.name);
    return reason;
}
