/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.c - what the deployment tells about itself: who it is, how it fares, what it recorded.
 */
#include <errno.h>

#include "proto/method.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/seal_chain.h"

#define AUDIT_RECORDS_MAX 500

enum reason handle_GetDeployment(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    Privyseal__V1__GetDeploymentResponse *answer = (Privyseal__V1__GetDeploymentResponse *)reply;

    (void)request;
    if (message_set_text(&answer->realm, service->config->realm) < 0 ||
        message_set_text(&answer->version, PRIVYSEAL_VERSION) < 0)
        return REASON_INTERNAL;
    return seal_chain_fill(service, call->now_ms, &answer->challenge, &answer->n_seal_certificates,
                           &answer->seal_certificates);
}

/* ---------------------------------------------------------------------------------------------- GetStatus */

static enum reason fill_hsm(const struct service *service, Privyseal__V1__GetStatusResponse *answer)
{
    if (message_set_text(&answer->hsm, hsm_description(service->access.hsm)) < 0 ||
        message_set_text(&answer->grade, hsm_grade(service->findings, service->findings_count)) < 0)
        return REASON_INTERNAL;
    answer->lacking = message_alloc(service->findings_count * sizeof(*answer->lacking));
    if (!answer->lacking)
        return REASON_INTERNAL;
    for (size_t i = 0; i < service->findings_count; i++) {
        if (service->findings[i].is_enforced)
            continue;
        if (message_set_text(&answer->lacking[answer->n_lacking], service->findings[i].sentence) < 0)
            return REASON_INTERNAL;
        answer->n_lacking++;
    }
    return REASON_NONE;
}

static enum reason fill_epochs(const struct service *service, Privyseal__V1__GetStatusResponse *answer)
{
    answer->seal_epoch = message_alloc(service->seal_count * sizeof(*answer->seal_epoch));
    if (!answer->seal_epoch)
        return REASON_INTERNAL;
    for (size_t i = 0; i < service->seal_count; i++) {
        ProtobufCMessage *message = NULL;
        Privyseal__V1__SealEpoch *epoch;

        if (message_new(&privyseal__v1__seal_epoch__descriptor, &message) < 0)
            return REASON_INTERNAL;
        epoch = answer->seal_epoch[answer->n_seal_epoch++] = (Privyseal__V1__SealEpoch *)message;
        epoch->epoch = service->seal[i].epoch;
        if (message_set_bytes(&epoch->key_id, BYTES_OF_ARRAY(service->seal[i].key_id)) < 0)
            return REASON_INTERNAL;
    }
    return REASON_NONE;
}

enum reason handle_GetStatus(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    Privyseal__V1__GetStatusResponse *answer = (Privyseal__V1__GetStatusResponse *)reply;
    enum reason reason;
    int r = store_count(service->access.store, &answer->users, &answer->keys);

    (void)call;
    (void)request;
    if (r < 0)
        return refusal_of_store(r);
    answer->leases = leases_count(service->leases);
    answer->started_unix = service->config->started_unix;
    answer->signer = service->config->signer;
    if (message_set_text(&answer->realm, service->config->realm) < 0 ||
        message_set_text(&answer->version, PRIVYSEAL_VERSION) < 0)
        return REASON_INTERNAL;
    reason = fill_hsm(service, answer);
    return reason == REASON_NONE ? fill_epochs(service, answer) : reason;
}

/* ---------------------------------------------------------------------------------------------- ReadAudit */

/* As many whole records as the method's answer may hold; whoever asks goes on from the last one's number. */
static enum reason fill_records(const struct method *method, const struct buffer *lines, size_t count,
                                Privyseal__V1__ReadAuditResponse *answer)
{
    size_t room = method->reply_max - 1024; /* for the other fields and what protects the answer */

    answer->record = message_alloc(count * sizeof(*answer->record));
    if (!answer->record)
        return REASON_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].len + 8 > room)
            break;
        room -= lines[i].len + 8; /* a field's tag and length take at most five bytes */
        if (message_set_bytes(&answer->record[i], buffer_bytes(&lines[i])) < 0)
            return REASON_INTERNAL;
        answer->n_record++;
    }
    return REASON_NONE;
}

static void lines_free(struct buffer *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_clear(&lines[i]);
    free(lines);
}

static enum reason fill_head(struct service *service, uint32_t signer,
                             Privyseal__V1__ReadAuditResponse *answer)
{
    uint8_t hash[HASH_LEN];
    int r = store_audit_head_get(service->access.store, signer, &answer->head_sequence, hash);

    if (r < 0)
        return refusal_of_store(r);
    return message_set_bytes(&answer->head_hash, BYTES_OF_ARRAY(hash)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

enum reason handle_ReadAudit(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ReadAuditRequest *ask = (const Privyseal__V1__ReadAuditRequest *)request;
    Privyseal__V1__ReadAuditResponse *answer = (Privyseal__V1__ReadAuditResponse *)reply;
    unsigned limit = ask->limit ? ask->limit : AUDIT_RECORDS_MAX;
    struct buffer *lines = NULL;
    size_t count = 0;
    enum reason reason;
    int r;

    if (ask->signer >= service->config->signers || limit > AUDIT_RECORDS_MAX || ask->from == 0)
        return REASON_MALFORMED;
    r = audit_read(service->config->audit_directory, ask->signer, ask->from, limit, &lines, &count);
    if (r < 0)
        return r == -ENOENT ? REASON_NOT_FOUND : REASON_AUDIT;
    answer->signers = service->config->signers;
    reason = fill_records(call->method, lines, count, answer);
    lines_free(lines, count);
    return reason == REASON_NONE ? fill_head(service, ask->signer, answer) : reason;
}
