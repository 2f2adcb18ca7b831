/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_log.h - the audit logs as the servers give them, page by page.
 *
 * A proxy has the files of its own logs, and knows from the store which logs the others have; so every endpoint of the
 * configuration is asked.
 */
#pragma once

#include "cli/cli.h"
#include "proto/limits.h"
#include "proto/log_name.h"

#define AUDIT_NOT_HERE ((size_t)-1)

struct audit_log {
    struct log_name name;
    size_t endpoint;        /* whose proxy has the files; AUDIT_NOT_HERE: none that answered */
    bool is_proxy_known;    /* the proxy that is to have them answered, and has them not */
    uint64_t head_sequence; /* as the store has it; 0: none yet */
    uint8_t head_hash[HASH_LEN];
};

struct audit_logs {
    struct audit_log *items; /* by proxy and signer */
    size_t count;
};

void audit_logs_clear(struct audit_logs *logs);
DEFINE_CLEAR(audit_logs_clear, struct audit_logs);

/* Asks every endpoint; those that do not answer are named on standard error, and one that does is enough. */
MUST_CHECK enum cli_exit audit_logs_find(struct cli *cli, struct audit_logs *ret);

/* Gets the lines of one log, in order, until it is at its end or something else than CLI_DONE comes back. */
typedef enum cli_exit line_visitor(struct cli *cli, const struct audit_log *log, struct bytes line,
                                   void *argument);

/* The one record from @from on that comes first. */
MUST_CHECK enum cli_exit audit_log_peek(struct cli *cli, const struct audit_log *log, uint64_t from,
                                        line_visitor *visit, void *argument);
/* Visits @log from record @from, or the first that is there. @ret_next: the number to go on from; may be NULL. */
MUST_CHECK enum cli_exit audit_log_walk(struct cli *cli, const struct audit_log *log, uint64_t from,
                                        line_visitor *visit, void *argument, uint64_t *ret_next);
