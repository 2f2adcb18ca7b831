/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_state.h - what the writer of a log knows: shared by audit_open.c, which finds it out, audit.c, which makes the
 * chain, audit_write.c, which writes it, and audit_rotate.c, which changes files.
 */
#pragma once

#include <sys/types.h>

#include "proto/audit_tree.h"
#include "proxy/audit/audit.h"
#include "proxy/audit/audit_counts.h"

/* At most a round's records wait to be written. What a power cut may leave of them is cut off at open. */
#define GATHERED_MAX ((size_t)64 * 1024)

struct audit {
    struct audit_config config;
    char name[LOG_TEXT_MAX]; /* config.log, for the process's log */
    int fd;
    struct store *store;       /* borrowed */
    off_t length;              /* of the file: all of it whole lines */
    off_t room;                /* up to there its file system has set blocks aside */
    bool has_no_room;          /* this file system sets none aside */
    uint32_t segment;          /* the number that the file will have */
    uint64_t segment_us;       /* when it was begun */
    uint64_t segment_sequence; /* of the record that says so; 0: there is none in a log's first file */
    uint64_t sequence;         /* of the last line, written or gathered */
    uint8_t hash[HASH_LEN];
    struct audit_tree tree; /* over the lines since the last checkpoint's, which is the first of them */
    struct audit_counts counts;
    bool is_torn;                   /* part of a line could not be taken back yet */
    bool is_synced;                 /* all lines are on the disk */
    int error;                      /* what was written may be lost: nothing more is written */
    struct buffer line;             /* the one that is being made; its memory is kept for the next */
    uint8_t gathered[GATHERED_MAX]; /* lines that come next in the file */
    size_t gathered_len;
    uint64_t stored_sequence;
    int64_t ticked_ms;
    audit_checkpoint_fn *checkpoint;
    void *checkpoint_arg;
    uint64_t checkpoint_sequence; /* of the last checkpoint's own record */
    int64_t checkpointed_ms;
    audit_forward_fn *forward;
    void *forward_arg;
};

/* Logs that the file is not what it should be around record @sequence. Returns -EUCLEAN. */
int audit_broken(const struct audit *audit, uint64_t sequence, const char *why);
/* The file that is written to, made if there is none, and locked. */
MUST_CHECK int audit_open_file(struct audit *audit);
/* Since 1970, UTC. */
uint64_t audit_now_us(void);
/* Takes a line that is in the log into the tree. */
MUST_CHECK int audit_grow_tree(struct audit *audit, struct bytes line, bool is_checkpoint);
/* File, head and counts to disk and store. */
MUST_CHECK int audit_store_head(struct audit *audit);
/* Writes @line, behind what was gathered. Nothing of it stays when that fails. */
MUST_CHECK int audit_write_line(struct audit *audit, struct bytes line);
/*
 * Keeps @line for audit_write_gathered(); the file has room for it. Where its file system promises none, writes it.
 * Errors: -ENOSPC and the like; then it is not kept.
 */
MUST_CHECK int audit_gather_line(struct audit *audit, struct bytes line);
/* In one write. After a failure nothing more is written. */
MUST_CHECK int audit_write_gathered(struct audit *audit);
/* All lines, also those gathered, on the disk. */
MUST_CHECK int audit_sync(struct audit *audit);
/* Writes the first record of segment @number, and waits for the disk. */
MUST_CHECK int audit_begin_segment(struct audit *audit, uint32_t number);
/* Errors: what the system says; those after which no record may be written are kept in audit->error. */
MUST_CHECK int audit_rotate_if_full(struct audit *audit, uint64_t now_us);
