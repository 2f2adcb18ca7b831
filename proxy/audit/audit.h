/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the signer's own append-only, hash-chained log. No answer leaves before its record is written.
 *
 * One file per signer: DIR/signer-N.log, lines as in proto/audit_record.h. At open a half line at the end (a power
 * cut) is cut off and said; the chain is continued from the last whole line, which must not be older than the head
 * the store remembers (else -EUCLEAN: the signer does not start, audit verify tells what is missing).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"
#include "proto/audit_record.h"
#include "proxy/store/store.h"

enum audit_sync {
    AUDIT_SYNC_BATCH, /* fdatasync once for all answers of a round, before they leave */
    AUDIT_SYNC_WRITE, /* written before the answer leaves: survives any process, not a power cut */
};

struct audit;

MUST_CHECK int audit_open(const char *directory, const char *realm, uint32_t signer, enum audit_sync sync,
                          struct store *store, struct audit **ret);
void audit_close(struct audit *audit);
DEFINE_CLEANUP(audit_close, struct audit *);
/*
 * Appends a record; fills @record's sequence and time. Errors: -ENOSPC and the like: then the answer must not leave,
 * and nothing of a half-written line stays.
 */
MUST_CHECK int audit_append(struct audit *audit, struct audit_record *record);
/* How many signatures this log has of a key, plus one: for audit_record.key_count. */
MUST_CHECK int audit_next_count(struct audit *audit, const uint8_t name[KEY_NAME_LEN], uint64_t *ret);
/* Makes everything appended durable if the mode asks for it; call before answers leave. */
MUST_CHECK int audit_flush(struct audit *audit);
/* At most once a second: head and counts to the store, and signed checkpoints. Never fails a request. */
void audit_tick(struct audit *audit, int64_t now_ms);

/* Up to @limit lines of the log of @signer in @directory, from sequence @from. Appends each to @lines (cleared by
 * the caller). Errors: -ENOENT. */
MUST_CHECK int audit_read(const char *directory, uint32_t signer, uint64_t from, unsigned limit,
                          struct buffer **ret_lines, size_t *ret_count);
