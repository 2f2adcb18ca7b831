/* SPDX-License-Identifier: Apache-2.0 */
/* audit_state.h - what the writer of a log knows: shared by audit_open.c, which finds it out, and audit.c. */
#pragma once

#include <sys/types.h>

#include "proxy/audit/audit.h"
#include "proxy/audit/audit_counts.h"

struct audit {
    int fd;
    struct log_name log;
    char name[LOG_TEXT_MAX]; /* the same, for the process's log */
    enum audit_sync sync;
    struct store *store; /* borrowed */
    off_t length;        /* of the file: all of it whole lines */
    uint64_t sequence;   /* of the last line */
    uint8_t hash[HASH_LEN];
    struct audit_counts counts;
    bool is_torn;   /* part of a line could not be taken back yet */
    bool is_synced; /* all lines are on the disk */
    int error;      /* what was written may be lost: nothing more is written */
    uint64_t stored_sequence;
    int64_t ticked_ms;
    audit_checkpoint_fn *checkpoint;
    void *checkpoint_arg;
    uint64_t checkpoint_sequence; /* of the last checkpoint's own record */
    int64_t checkpointed_ms;
};

/* Logs that the file is not what it should be around record @sequence. Returns -EUCLEAN. */
int audit_broken(const struct audit *audit, uint64_t sequence, const char *why);
