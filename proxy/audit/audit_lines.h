/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_lines.h - the lines of a log file, found by their sequence numbers, and what a line says.
 *
 * Nothing is checked here but the form: what a line says is believed once audit_check_line() has been over it.
 * Reads with pread() alone, so a log may grow, and lose a half line, while it is read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/bytes.h"
#include "proto/audit_record.h"

#define AUDIT_PATH_MAX 4096
#define SEGMENT_NOTE   "segment=" /* and the number: the note of a file's first record */

struct audit_line {
    off_t end; /* where the next line starts */
    size_t len;
    char text[AUDIT_LINE_MAX + 1]; /* without its "\n" */
};

/*
 * The first whole line that starts at or after @offset.
 * Errors: -ENODATA (none: the end, or half a line), -EBADMSG (longer than a line can be).
 */
MUST_CHECK int audit_line_at(int fd, off_t offset, struct audit_line *ret);
/*
 * The line after the last record whose sequence number is below @sequence: the record with it or, in a log that was
 * meddled with, whatever stands there. Errors: the same.
 */
MUST_CHECK int audit_line_find(int fd, uint64_t sequence, struct audit_line *ret);

struct audit_facts {
    uint64_t sequence;
    uint64_t key_count;
    uint8_t key[KEY_NAME_LEN]; /* with a key_count */
    uint8_t hash[HASH_LEN];
    uint64_t time_us;
    bool is_checkpoint;
    uint32_t segment;           /* the record that a file begins with: which; else 0 */
    uint8_t previous[HASH_LEN]; /* with a segment: the chain's hash before it */
};

/* Errors: -EBADMSG (not a record). */
MUST_CHECK int audit_line_facts(const struct audit_line *line, struct audit_facts *ret);
