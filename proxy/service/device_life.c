/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_life.c - a user's devices listed, revoked and renewed, by the user or (the second) by an operator.
 *
 * A renewal leaves two certificates of one device: the former is good until the new one is first used, so that an
 * answer which never arrived, or could not be written down, costs nothing.
 */
#include <string.h>

#include "proto/name.h"
#include "proxy/service/device_change.h"
#include "proxy/service/device_info.h"
#include "proxy/service/device_issue.h"
#include "proxy/service/device_renewal.h"
#include "proxy/service/device_request.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"

enum reason handle_ListDevices(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    Privyseal__V1__ListDevicesResponse *answer = (Privyseal__V1__ListDevicesResponse *)reply;
    CLEANUP(free) void *memory = NULL;
    struct principal_certificate_row *rows = NULL;
    size_t count = 0;
    enum reason reason = device_check_owner(call);

    (void)request;
    if (reason == REASON_NONE)
        reason = principal_certificates(&service->access, &call->caller.principal, &rows, &count);
    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    return device_infos(rows, count, BYTES_OF_ARRAY(call->caller.certificate_hash), &answer->n_device,
                        &answer->device);
}

/* --------------------------------------------------------------------------------------------------- revoking */

static enum reason revoke(struct service *service, struct call *call, const char *user, struct bytes hash,
                          bool is_devices_only)
{
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    struct principal_certificate_row *row;
    struct notice notice = notice_of(call, "device.revoked", user);
    enum reason reason = device_change_begin(service, user, &change);

    device_note(call, hash);
    if (reason != REASON_NONE)
        return reason;
    row = device_change_find(&change, hash);
    if (!row || (is_devices_only && row->role != ROLE_DEVICE))
        return REASON_NOT_FOUND;
    reason = device_change_revoke(service, &change, row);
    if (reason == REASON_NONE)
        reason = device_change_commit(&change);
    if (reason != REASON_NONE)
        return reason;
    notice_add(&notice, "device", call->text.key);
    notice_add(&notice, "label", row->label);
    notice_send(service, &notice);
    return REASON_NONE;
}

/* The leases of a revoked certificate end when they are next looked at: five seconds from now at the latest. */
enum reason handle_RevokeDevice(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const Privyseal__V1__RevokeDeviceRequest *ask = (const Privyseal__V1__RevokeDeviceRequest *)request;
    enum reason reason = device_check_owner(call);

    (void)reply;
    return reason == REASON_NONE ? revoke(service, call, call->token.name, pack_lend(&ask->fingerprint), true)
                                 : reason;
}

enum reason handle_RevokeForUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    const Privyseal__V1__RevokeForUserRequest *ask = (const Privyseal__V1__RevokeForUserRequest *)request;

    (void)reply;
    if (!name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = ask->user;
    if (bytes_equal(pack_lend(&ask->fingerprint), BYTES_OF_ARRAY(call->caller.certificate_hash))) {
        call->sentence =
            "an operator does not revoke the certificate that asks for it: let another one do it";
        return REASON_NOT_PERMITTED;
    }
    return revoke(service, call, ask->user, pack_lend(&ask->fingerprint), false);
}

/* --------------------------------------------------------------------------------------------------- renewing */

/* A renewal that was never used makes room for the next. */
static enum reason revoke_unused(struct service *service, struct device_change *change,
                                 const uint8_t former[HASH_LEN])
{
    enum reason reason = REASON_NONE;

    for (size_t i = 0; reason == REASON_NONE && i < change->count; i++)
        if (memcmp(change->rows[i].replaces, former, HASH_LEN) == 0)
            reason = device_change_revoke(service, change, &change->rows[i]);
    return reason;
}

static enum reason store_renewal(struct service *service, struct call *call, struct device_issue *issue)
{
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    const uint8_t *former = call->caller.certificate_hash;
    const struct principal_certificate_row *row;
    enum reason reason = device_change_begin(service, call->caller.principal.name, &change);

    if (reason != REASON_NONE)
        return reason;
    row = device_change_find(&change, BYTES(former, HASH_LEN));
    if (!row || row->revoked)
        return REASON_NOT_PERMITTED; /* since the lease was last looked at */
    strcpy(issue->row.label, row->label);
    memcpy(issue->row.replaces, former, HASH_LEN);
    reason = device_change_check_day(&change, call);
    if (reason == REASON_NONE)
        reason = revoke_unused(service, &change, former);
    if (reason == REASON_NONE)
        reason = device_issue(service, call, issue);
    if (reason == REASON_NONE)
        reason = principal_add_certificate(&service->access, &change.principal, &issue->row);
    return reason == REASON_NONE ? device_change_commit(&change) : reason;
}

/* Applications renew theirs as devices do; what the certificate says of its owner stays as it is. */
enum reason handle_RenewDevice(struct service *service, struct call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *reply)
{
    const Privyseal__V1__RenewDeviceRequest *ask = (const Privyseal__V1__RenewDeviceRequest *)request;
    Privyseal__V1__RenewDeviceResponse *answer = (Privyseal__V1__RenewDeviceResponse *)reply;
    CLEANUP(device_issue_clear)
    struct device_issue issue = { .user = call->caller.principal.name,
                                  .role = call->caller.certificate.role };
    struct notice notice = notice_of(call, "device.renewed", call->caller.principal.name);
    enum reason reason = device_request_open(call, pack_lend(&ask->request), &issue.key);

    if (reason == REASON_NONE)
        reason = store_renewal(service, call, &issue);
    if (reason != REASON_NONE)
        return reason;
    device_note(call, BYTES_OF_ARRAY(issue.row.hash));
    notice_add(&notice, "device", call->text.key);
    notice_add(&notice, "label", issue.row.label);
    notice_send(service, &notice);
    return device_issue_answer(&issue, &answer->n_certificate, &answer->certificate);
}

static enum reason retire(struct service *service, const struct caller *caller)
{
    static const uint8_t none[HASH_LEN];
    CLEANUP(device_change_clear) struct device_change change = { 0 };
    struct principal_certificate_row *row, *former;
    enum reason reason = device_change_begin(service, caller->principal.name, &change);

    if (reason != REASON_NONE)
        return reason;
    row = device_change_find(&change, BYTES_OF_ARRAY(caller->certificate_hash));
    if (!row || memcmp(row->replaces, none, HASH_LEN) == 0)
        return REASON_NONE; /* another signer was quicker */
    former = device_change_find(&change, BYTES_OF_ARRAY(row->replaces));
    memset(row->replaces, 0, HASH_LEN);
    reason = principal_change_certificate(&service->access, &change.principal, row);
    if (reason == REASON_NONE && former)
        reason = device_change_revoke(service, &change, former);
    return reason == REASON_NONE ? device_change_commit(&change) : reason;
}

void device_renewal_used(struct service *service, const struct caller *caller)
{
    static const uint8_t none[HASH_LEN];

    if (memcmp(caller->certificate.replaces, none, HASH_LEN) != 0)
        (void)!retire(service, caller); /* else at the next login */
}
