/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.c - finding the logs, and paging through them. */
#include "cli/audit_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/connect.h"

#define PAGE 500 /* records asked for at a time */

void audit_logs_clear(struct audit_logs *logs)
{
    free(logs->items);
    *logs = (struct audit_logs){ 0 };
}

/* ------------------------------------------------------------------------------------------ which there are */

/* The place of @name in the list, made if there is none. NULL: out of memory. */
static struct audit_log *place_of(struct audit_logs *logs, const struct log_name *name)
{
    struct audit_log *items;
    size_t at = 0;

    while (at < logs->count && log_name_compare(&logs->items[at].name, name) < 0)
        at++;
    if (at < logs->count && log_name_compare(&logs->items[at].name, name) == 0)
        return &logs->items[at];
    items = reallocarray(logs->items, logs->count + 1, sizeof(*items));
    if (!items)
        return NULL;
    memmove(items + at + 1, items + at, (logs->count - at) * sizeof(*items));
    items[at] = (struct audit_log){ .name = *name, .endpoint = AUDIT_NOT_HERE };
    logs->items = items;
    logs->count++;
    return &items[at];
}

/* What one proxy says about one log. The newest head counts: others may know an older one. */
static bool take_log(struct audit_logs *logs, const char *proxy, size_t endpoint,
                     const Privyseal__V1__AuditLog *said)
{
    struct audit_log *log;
    struct log_name name;

    if (log_name_set(&name, said->proxy, said->signer) < 0)
        return true; /* no name that a log can have */
    log = place_of(logs, &name);
    if (!log)
        return false;
    if (said->here)
        log->endpoint = endpoint;
    log->is_proxy_known |= strcmp(said->proxy, proxy) == 0;
    if (said->head_sequence > log->head_sequence && said->head_hash.len == HASH_LEN) {
        log->head_sequence = said->head_sequence;
        memcpy(log->head_hash, said->head_hash.data, HASH_LEN);
    }
    return true;
}

static enum cli_exit ask_endpoint(struct cli *cli, size_t endpoint, struct audit_logs *logs)
{
    Privyseal__V1__ListAuditLogsRequest request = PRIVYSEAL__V1__LIST_AUDIT_LOGS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ListAuditLogsResponse *reply;
    enum cli_exit status = connect_endpoint(cli, endpoint);

    if (status == CLI_DONE)
        status =
            connect_operate(cli, "listing the audit logs", METHOD_ListAuditLogs, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListAuditLogsResponse *)message;
    for (size_t i = 0; i < reply->n_log; i++)
        if (!take_log(logs, reply->proxy, endpoint, reply->log[i]))
            return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    return CLI_DONE;
}

enum cli_exit audit_logs_find(struct cli *cli, struct audit_logs *ret)
{
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    enum cli_exit status = connect_configure(cli), last = CLI_DONE;
    size_t endpoints, answered = 0;

    if (status != CLI_DONE)
        return status;
    endpoints = connect_endpoints(cli);
    for (size_t i = 0; i < endpoints; i++) {
        status = ask_endpoint(cli, i, &logs);
        answered += status == CLI_DONE;
        last = status == CLI_DONE ? last : status;
        if (status != CLI_DONE && status != CLI_UNREACHABLE)
            return status;
    }
    if (answered == 0)
        return last;
    *ret = (struct audit_logs){ TAKE(logs.items), logs.count };
    return CLI_DONE;
}

/* --------------------------------------------------------------------------------------------- what is in one */

static enum cli_exit read_page(struct cli *cli, const struct audit_log *log, uint64_t from, uint32_t limit,
                               ProtobufCMessage **ret)
{
    Privyseal__V1__ReadAuditRequest request = PRIVYSEAL__V1__READ_AUDIT_REQUEST__INIT;

    request.proxy = (char *)(uintptr_t)log->name.proxy;
    request.signer = log->name.signer;
    request.from = from;
    request.limit = limit;
    return connect_operate(cli, "reading the audit log", METHOD_ReadAudit, &request.base, ret);
}

/* Each proxy has its own logs: others are asked elsewhere. */
static enum cli_exit go_to(struct cli *cli, const struct audit_log *log)
{
    return cli->remote && cli->asked == log->endpoint ? CLI_DONE : connect_endpoint(cli, log->endpoint);
}

enum cli_exit audit_log_peek(struct cli *cli, const struct audit_log *log, uint64_t from, line_visitor *visit,
                             void *argument)
{
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ReadAuditResponse *reply;
    enum cli_exit status = go_to(cli, log);

    if (status == CLI_DONE)
        status = read_page(cli, log, from, 1, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ReadAuditResponse *)message;
    return reply->n_record ? visit(cli, log, BYTES(reply->record[0].data, reply->record[0].len), argument)
                           : CLI_DONE;
}

enum cli_exit audit_log_walk(struct cli *cli, const struct audit_log *log, uint64_t from, line_visitor *visit,
                             void *argument, uint64_t *ret_next)
{
    enum cli_exit status = go_to(cli, log);
    bool has_more = true;

    while (status == CLI_DONE && has_more) {
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ReadAuditResponse *reply;

        status = read_page(cli, log, from, PAGE, &message);
        if (status != CLI_DONE)
            return status;
        reply = (const Privyseal__V1__ReadAuditResponse *)message;
        has_more = reply->more;
        for (size_t i = 0; i < reply->n_record && status == CLI_DONE; i++)
            status = visit(cli, log, BYTES(reply->record[i].data, reply->record[i].len), argument);
        if (has_more && reply->next <= from) /* it would be asked for again without end */
            return cli_fail(cli, CLI_REFUSED, NULL, "the server gives the same records again");
        from = reply->next;
    }
    if (ret_next)
        *ret_next = from;
    return status;
}
