/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - the signer's own append-only, hash-chained log. No answer leaves before its record is written.
 *
 * A log is one chain over one or several files: DIR/PROXY.signer-N.log is written to, DIR/PROXY.signer-N.0001.log and so
 * on are closed (audit_rotate.c). At open a half line at the end (a power cut) is cut off and said. The head that the
 * store remembers must be in the log, and all that follows it must be an unbroken chain (else -EUCLEAN: the signer does
 * not start, audit verify tells what is missing); the chain is continued from the last line. A log has one writer: the
 * file is locked while it is open.
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

struct audit_config {
    const char *directory, *realm; /* outlive the log */
    struct log_name log;
    enum audit_sync sync;
    uint64_t rotate_bytes; /* a file is closed when it is as large; 0: never */
    uint64_t rotate_us;    /* or as old; 0: never */
};

/*
 * @store is borrowed. Errors: -EUCLEAN (above), -EBUSY (another process writes this log), -ENOENT (no such directory),
 * what the system and the store say.
 */
MUST_CHECK int audit_open(const struct audit_config *config, struct store *store, struct audit **ret);
void audit_close(struct audit *audit);
DEFINE_CLEANUP(audit_close, struct audit *);
/*
 * Appends a record; fills @record's sequence and time. Errors: -ENOSPC and the like: then the answer must not leave,
 * and nothing of a half-written line stays.
 */
MUST_CHECK int audit_append(struct audit *audit, struct audit_record *record);
/*
 * The same for a record that may wait for the next audit_flush(), which writes all that were gathered at once: its caller
 * lets no answer leave before. A full disk is said here and not there.
 */
MUST_CHECK int audit_gather(struct audit *audit, struct audit_record *record);
/* How many signatures this log has of a key, plus one: for audit_record.key_count. */
MUST_CHECK int audit_next_count(struct audit *audit, const uint8_t name[KEY_NAME_LEN], uint64_t *ret);
/*
 * Writes what was gathered, and makes it and everything appended durable if the mode asks for it; call before answers
 * leave. Errors: nobody knows what is in the file, and nothing more is written to it: leave, and find out.
 */
MUST_CHECK int audit_flush(struct audit *audit);
/* Head and counts to the store now: for a signer that leaves, so that nothing can be cut off what it wrote. */
void audit_settle(struct audit *audit);
/* How the log stands, for whoever watches. */
struct audit_state {
    uint64_t sequence, stored_sequence; /* of the last record, and of the head that the store knows */
    bool has_failed;                    /* nothing can be written any more */
};
void audit_tell(const struct audit *audit, struct audit_state *ret);
/* At most once a second: head and counts to the store, checkpoints, a file that is full closed. Never fails a request. */
void audit_tick(struct audit *audit, int64_t now_ms);

#define AUDIT_CHECKPOINT_MS      60000 /* between signed checkpoints of a log that grows */
#define AUDIT_CHECKPOINT_RECORDS 4096  /* sooner, when so many came */

/* Signs what audit_checkpoint_hash() made with a key of the HSM. @ret: the signature, appended. Errors: negative errno. */
typedef int audit_checkpoint_fn(void *arg, const uint8_t hash[HASH_LEN], struct buffer *ret);
/*
 * From now on audit_tick() asks @fn for checkpoints and appends a record "checkpoint" for each: the chain's hash as its
 * digest, the rest in its note (proto/audit_tree.h).
 */
void audit_set_checkpoint(struct audit *audit, audit_checkpoint_fn *fn, void *arg);

/* Gets every record that was appended. */
typedef void audit_forward_fn(void *arg, const struct audit_record *record, struct bytes line);
void audit_set_forward(struct audit *audit, audit_forward_fn *fn, void *arg);

/* Up to @limit lines of a log in @directory, from sequence @from. Appends each to @lines (cleared by
 * the caller). Errors: -ENOENT. */
MUST_CHECK int audit_read(const char *directory, const struct log_name *log, uint64_t from, unsigned limit,
                          struct buffer **ret_lines, size_t *ret_count);
