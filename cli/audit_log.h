/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log.h - the audit logs as a server gives them, page by page. */
#pragma once

#include "cli/cli.h"
#include "proto/limits.h"

/* Gets the lines of one log, in order, until it is at its end or something else than CLI_DONE comes back. */
typedef enum cli_exit line_visitor(struct cli *cli, uint32_t signer, struct bytes line, void *argument);

struct log_head {
    uint32_t signers;  /* logs there are */
    uint64_t sequence; /* the head as the store has it; 0: none */
    uint8_t hash[HASH_LEN];
};

/*
 * Visits the log of @signer. @ret_head is set before the first line: records may have been added since, none
 * taken away.
 */
MUST_CHECK enum cli_exit audit_log_walk(struct cli *cli, uint32_t signer, line_visitor *visit, void *argument,
                                        struct log_head *ret_head);
