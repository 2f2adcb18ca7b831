/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_segments.h - the files of a log that are in a directory, and which logs have any there.
 *
 * A log is one chain over several files: closed segments, which an operator may take away from the oldest on, and the
 * one that is written to. The first record of every file but a log's first is "segment": its note is the number that
 * the file will have when it is closed.
 */
#pragma once

#include <stddef.h>

#include "proxy/audit/audit_lines.h"

struct audit_segment {
    uint32_t number; /* 0: the file that is written to */
    uint64_t first;  /* sequence of its first record; UINT64_MAX: it has none yet */
};

struct audit_segments {
    struct audit_segment *items; /* in the order of the chain: the one that is written to is last */
    size_t count;
};

void audit_segments_clear(struct audit_segments *segments);
DEFINE_CLEAR(audit_segments_clear, struct audit_segments);

/* Errors: -ENOENT (no such directory). */
MUST_CHECK int audit_segments_list(const char *directory, const struct log_name *log,
                                   struct audit_segments *ret);
/* The last segment that begins at or before @sequence, else the first; the list is not empty. */
size_t audit_segments_find(const struct audit_segments *segments, uint64_t sequence);

/* DIR/PROXY.signer-N.0007.log. Errors: -ENAMETOOLONG. */
MUST_CHECK int audit_segment_path(const char *directory, const struct log_name *log, uint32_t number,
                                  char ret[AUDIT_PATH_MAX]);

/* The logs that have files in @directory, in order. @ret: malloc'd. Errors: -ENOENT. */
MUST_CHECK int audit_logs_list(const char *directory, struct log_name **ret, size_t *ret_count);
