/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_records.c - what the audit logs say about a user's own token, for the user. The lease proves that the PIN was
 * given; other users' records stay with the auditors.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/audit/audit_own.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"

static enum reason add_record(const struct audit_own_record *record,
                              Privyseal__V1__ReadOwnRecordsResponse *answer)
{
    ProtobufCMessage *message = NULL;
    Privyseal__V1__OwnRecord *own;

    if (message_new(&privyseal__v1__own_record__descriptor, &message) < 0)
        return REASON_INTERNAL;
    own = answer->record[answer->n_record++] = (Privyseal__V1__OwnRecord *)message;
    own->checkpoint = record->checkpoint;
    return message_set_bytes(&own->line, buffer_bytes(&record->line)) < 0 ||
                   message_set_bytes(&own->path, buffer_bytes(&record->path)) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}

static enum reason fill_page(const struct audit_own_page *page, Privyseal__V1__ReadOwnRecordsResponse *answer)
{
    enum reason reason = REASON_NONE;

    answer->next = page->next;
    answer->more = page->has_more;
    answer->record = message_alloc(page->count * sizeof(*answer->record));
    answer->checkpoint = message_alloc(page->checkpoint_count * sizeof(*answer->checkpoint));
    if (!answer->record || !answer->checkpoint)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < page->count; i++)
        reason = add_record(&page->records[i], answer);
    for (size_t i = 0; reason == REASON_NONE && i < page->checkpoint_count; i++)
        if (message_set_bytes(&answer->checkpoint[answer->n_checkpoint++],
                              buffer_bytes(&page->checkpoints[i])) < 0)
            reason = REASON_INTERNAL;
    return reason;
}

static enum reason add_log(const struct service *service, const struct log_name *name,
                           Privyseal__V1__ReadOwnRecordsResponse *answer)
{
    CLEANUP(audit_segments_clear) struct audit_segments segments = { 0 };
    ProtobufCMessage *message = NULL;
    Privyseal__V1__AuditLog *log;

    if (audit_segments_list(service->config->audit_directory, name, &segments) < 0)
        return REASON_AUDIT;
    if (message_new(&privyseal__v1__audit_log__descriptor, &message) < 0)
        return REASON_INTERNAL;
    log = answer->log[answer->n_log++] = (Privyseal__V1__AuditLog *)message;
    log->signer = name->signer;
    log->here = true;
    log->first = segments.count ? segments.items[0].first : 0;
    return message_set_text(&log->proxy, name->proxy) < 0 ? REASON_INTERNAL : REASON_NONE;
}

/* The logs of this proxy: those of others in the same directory are theirs to show. */
static enum reason fill_logs(const struct service *service, Privyseal__V1__ReadOwnRecordsResponse *answer)
{
    CLEANUP(free) void *memory = NULL;
    enum reason reason = REASON_NONE;
    struct log_name *names = NULL;
    size_t count = 0;

    if (audit_logs_list(service->config->audit_directory, &names, &count) < 0)
        return REASON_AUDIT;
    memory = names;
    answer->log = message_alloc(count * sizeof(*answer->log));
    if (!answer->log)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        if (strcmp(names[i].proxy, service->config->proxy) == 0)
            reason = add_log(service, &names[i], answer);
    return reason;
}

enum reason handle_ReadOwnRecords(struct service *service, struct call *call, const ProtobufCMessage *request,
                                  ProtobufCMessage *reply)
{
    const Privyseal__V1__ReadOwnRecordsRequest *ask = (const Privyseal__V1__ReadOwnRecordsRequest *)request;
    Privyseal__V1__ReadOwnRecordsResponse *answer = (Privyseal__V1__ReadOwnRecordsResponse *)reply;
    CLEANUP(audit_own_page_clear) struct audit_own_page page = { 0 };
    const struct audit_own_subject subject = { call->token.name, (uint64_t)call->token.created_ms * 1000 };
    struct log_name log;
    int r;

    if (ask->from == 0)
        return fill_logs(service, answer);
    if (log_name_set(&log, service->config->proxy, ask->signer) < 0)
        return REASON_INTERNAL;
    r = audit_own_read(service->config->audit_directory, &log, &subject, ask->from, &page);
    if (r < 0)
        return r == -ENOENT ? REASON_NOT_FOUND : REASON_AUDIT;
    return fill_page(&page, answer);
}
