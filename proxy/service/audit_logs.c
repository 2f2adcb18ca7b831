/* SPDX-License-Identifier: Apache-2.0 */
/* audit_logs.c - the audit logs for those who watch: which there are, and what is in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/audit/audit_segments.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"

#define RECORDS_MAX 500

/* -------------------------------------------------------------------------------------------- ListAuditLogs */

/* What the store knows and what the disk has, as one list: each may know more than the other. */
struct logs {
    struct audit_head *heads;
    size_t head_count;
    struct log_name *files;
    size_t file_count;
};

static void logs_clear(struct logs *logs)
{
    free(logs->heads);
    free(logs->files);
}
DEFINE_CLEAR(logs_clear, struct logs);

static enum reason logs_load(const struct service *service, struct logs *ret)
{
    int r = store_audit_head_list(service->access.store, &ret->heads, &ret->head_count);

    if (r < 0)
        return refusal_of_store(r);
    return audit_logs_list(service->config->audit_directory, &ret->files, &ret->file_count) < 0 ? REASON_AUDIT
                                                                                                : REASON_NONE;
}

static enum reason add_log(const struct log_name *name, const struct audit_head *head, bool is_here,
                           Privyseal__V1__ListAuditLogsResponse *answer)
{
    ProtobufCMessage *message = NULL;
    Privyseal__V1__AuditLog *log;

    if (message_new(&privyseal__v1__audit_log__descriptor, &message) < 0)
        return REASON_INTERNAL;
    log = answer->log[answer->n_log++] = (Privyseal__V1__AuditLog *)message;
    log->signer = name->signer;
    log->here = is_here;
    if (head)
        log->head_sequence = head->sequence;
    if (message_set_text(&log->proxy, name->proxy) < 0 ||
        (head && message_set_bytes(&log->head_hash, BYTES_OF_ARRAY(head->hash)) < 0))
        return REASON_INTERNAL;
    return REASON_NONE;
}

/* Both lists are in order. */
static enum reason merge(const struct logs *logs, Privyseal__V1__ListAuditLogsResponse *answer)
{
    enum reason reason = REASON_NONE;
    size_t head = 0, file = 0;

    while (reason == REASON_NONE && (head < logs->head_count || file < logs->file_count)) {
        int order = head == logs->head_count   ? 1
                    : file == logs->file_count ? -1
                                               : log_name_compare(&logs->heads[head].log, &logs->files[file]);

        reason = add_log(order <= 0 ? &logs->heads[head].log : &logs->files[file],
                         order <= 0 ? &logs->heads[head] : NULL, order >= 0, answer);
        head += order <= 0;
        file += order >= 0;
    }
    return reason;
}

enum reason handle_ListAuditLogs(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    Privyseal__V1__ListAuditLogsResponse *answer = (Privyseal__V1__ListAuditLogsResponse *)reply;
    CLEANUP(logs_clear) struct logs logs = { 0 };
    enum reason reason = logs_load(service, &logs);

    (void)call;
    (void)request;
    if (reason != REASON_NONE)
        return reason;
    answer->log = message_alloc((logs.head_count + logs.file_count) * sizeof(*answer->log));
    if (!answer->log || message_set_text(&answer->proxy, service->config->proxy) < 0)
        return REASON_INTERNAL;
    return merge(&logs, answer);
}

/* ------------------------------------------------------------------------------------------------ ReadAudit */

/* What follows record @line; a line that tells no number was record @fallback. */
static uint64_t number_after(const struct buffer *line, uint64_t fallback)
{
    uint64_t sequence = audit_line_sequence(buffer_bytes(line));

    return (sequence ? sequence : fallback) + 1;
}

/* As many whole records as the method's answer may hold; whoever asks goes on from there. */
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
        answer->next = number_after(&lines[i], answer->next);
    }
    return REASON_NONE;
}

static void lines_free(struct buffer *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_clear(&lines[i]);
    free(lines);
}

enum reason handle_ReadAudit(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ReadAuditRequest *ask = (const Privyseal__V1__ReadAuditRequest *)request;
    Privyseal__V1__ReadAuditResponse *answer = (Privyseal__V1__ReadAuditResponse *)reply;
    unsigned limit = ask->limit ? ask->limit : RECORDS_MAX;
    struct buffer *lines = NULL;
    enum reason reason;
    struct log_name log;
    size_t count = 0;
    int r;

    if (log_name_set(&log, *ask->proxy ? ask->proxy : service->config->proxy, ask->signer) < 0 ||
        limit > RECORDS_MAX || ask->from == 0)
        return REASON_MALFORMED;
    r = audit_read(service->config->audit_directory, &log, ask->from, limit, &lines, &count);
    if (r < 0)
        return r == -ENOENT ? REASON_NOT_FOUND : REASON_AUDIT;
    answer->next = ask->from;
    reason = fill_records(call->method, lines, count, answer);
    answer->more = count == limit || answer->n_record < count;
    lines_free(lines, count);
    return reason;
}
