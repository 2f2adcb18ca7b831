/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.c - paging through a log. */
#include "cli/audit_log.h"

#include <string.h>

#include "cli/connect.h"

#define PAGE 250 /* records asked for at a time */

static enum cli_exit read_page(struct cli *cli, uint32_t signer, uint64_t from, ProtobufCMessage **ret)
{
    Privyseal__V1__ReadAuditRequest request = PRIVYSEAL__V1__READ_AUDIT_REQUEST__INIT;

    request.signer = signer;
    request.from = from;
    request.limit = PAGE;
    return connect_operate(cli, "reading the audit log", METHOD_ReadAudit, &request.base, ret);
}

enum cli_exit audit_log_walk(struct cli *cli, uint32_t signer, line_visitor *visit, void *argument,
                             struct log_head *ret_head)
{
    for (uint64_t from = 1;;) {
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ReadAuditResponse *reply;
        enum cli_exit status = read_page(cli, signer, from, &message);

        if (status != CLI_DONE)
            return status;
        reply = (const Privyseal__V1__ReadAuditResponse *)message;
        if (from == 1) {
            *ret_head = (struct log_head){ .signers = reply->signers, .sequence = reply->head_sequence };
            if (reply->head_hash.len == HASH_LEN)
                memcpy(ret_head->hash, reply->head_hash.data, HASH_LEN);
        }
        for (size_t i = 0; i < reply->n_record && status == CLI_DONE; i++)
            status = visit(cli, signer, BYTES(reply->record[i].data, reply->record[i].len), argument);
        if (status != CLI_DONE || reply->n_record == 0)
            return status;
        from += reply->n_record;
    }
}
