/* SPDX-License-Identifier: Apache-2.0 */
/* issued_list.c - what was issued, to operators and auditors; and what an operator takes back. */
#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proto/pack.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"
#include "proxy/service/revocation.h"

#define PAGE_MAX 500
#define DAY_MS   86400000LL
#define DAYS_MAX 36525

typedef Privyseal__V1__ListIssuedRequest list_request;
typedef Privyseal__V1__ListIssuedResponse list_response;

static enum reason make_info(const struct issued_row *row, Privyseal__V1__IssuedInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__IssuedInfo *info;

    if (message_new(&privyseal__v1__issued_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__IssuedInfo *)message;
    info->profile = (Privyseal__V1__CertificateProfile)row->profile;
    info->issued_unix = (uint64_t)row->issued_ms / 1000;
    info->not_after_unix = (uint64_t)row->not_after_ms / 1000;
    info->revoked_unix = (uint64_t)row->revoked_ms / 1000;
    info->id = (uint64_t)row->id;
    if (message_set_bytes(&info->serial, BYTES_OF_ARRAY(row->serial)) < 0 ||
        message_set_text(&info->owner, row->owner) < 0 ||
        message_set_text(&info->subject, row->subject) < 0 ||
        (row->revoked_ms && message_set_text(&info->reason, crl_reason_word(row->crl_reason)) < 0))
        return REASON_INTERNAL;
    *ret = (Privyseal__V1__IssuedInfo *)TAKE(message);
    return REASON_NONE;
}

static enum reason fill_list(struct service *service, const struct issued_row *rows, size_t count,
                             list_response *answer)
{
    enum reason reason = REASON_NONE;

    answer->issued = message_alloc(count * sizeof(*answer->issued));
    if (!answer->issued)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        reason = row_check_issued(&service->access, &rows[i]);
        if (reason == REASON_NONE)
            reason = make_info(&rows[i], &answer->issued[i]);
        answer->n_issued += reason == REASON_NONE;
    }
    return reason;
}

static int list_rows(struct store *store, const list_request *ask, int64_t now_ms, struct issued_row **ret,
                     size_t *ret_count)
{
    int64_t days = ask->within_days ? ask->within_days : DAYS_MAX;

    if (*ask->owner)
        return store_issued_of_owner(store, ask->owner, (int64_t)ask->after_id, PAGE_MAX + 1, ret, ret_count);
    return store_issued_ending(store, ask->after_unix ? (int64_t)ask->after_unix * 1000 : now_ms,
                               (int64_t)ask->after_id, now_ms + days * DAY_MS, PAGE_MAX + 1, ret, ret_count);
}

enum reason handle_ListIssued(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    const list_request *ask = (const list_request *)request;
    list_response *answer = (list_response *)reply;
    CLEANUP(free) void *memory = NULL;
    struct issued_row *rows = NULL;
    size_t count = 0;
    int r;

    if (ask->within_days > DAYS_MAX || (*ask->owner && !name_is_valid(bytes_of_text(ask->owner))))
        return REASON_MALFORMED;
    r = list_rows(service->access.store, ask, call->now_ms, &rows, &count);
    memory = rows;
    if (r < 0)
        return refusal_of_store(r);
    answer->more = count > PAGE_MAX;
    return fill_list(service, rows, answer->more ? PAGE_MAX : count, answer);
}

/* ------------------------------------------------------------------------------------------ RevokeCertificate */

static enum reason revoke(struct service *service, const uint8_t *serial, enum crl_reason crl_reason,
                          struct issued_row *ret)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    reason = revoke_certificate(service, serial, crl_reason, ret);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

enum reason handle_RevokeCertificate(struct service *service, struct call *call,
                                     const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    const Privyseal__V1__RevokeCertificateRequest *ask =
        (const Privyseal__V1__RevokeCertificateRequest *)request;
    Privyseal__V1__RevokeCertificateResponse *answer = (Privyseal__V1__RevokeCertificateResponse *)reply;
    char serial[2 * ISSUED_SERIAL_LEN + 1];
    struct issued_row row = { 0 };
    enum crl_reason crl_reason;
    enum reason reason;

    if (ask->serial.len != ISSUED_SERIAL_LEN || crl_reason_of_word(ask->reason, &crl_reason) < 0)
        return REASON_MALFORMED;
    hex_encode(pack_lend(&ask->serial), serial);
    snprintf(call->text.note, sizeof(call->text.note), "serial %s %s", serial, crl_reason_word(crl_reason));
    call->record.note = call->text.note;
    reason = revoke(service, ask->serial.data, crl_reason, &row);
    if (reason != REASON_NONE)
        return reason;
    hex_encode(BYTES_OF_ARRAY(row.key_name), call->text.key);
    call->record.key = call->text.key;
    if (row.profile == ISSUE_DOCUMENT)
        notice_tell(service, call, "certificate.revoked", row.owner);
    return message_set_text(&answer->owner, row.owner) < 0 ? REASON_INTERNAL : REASON_NONE;
}
