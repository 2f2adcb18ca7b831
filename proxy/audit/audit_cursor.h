/* SPDX-License-Identifier: Apache-2.0 */
/* audit_cursor.h - the lines of a log from some record on, one after the other, over all its files. */
#pragma once

#include <stdio.h>

#include "proxy/audit/audit_segments.h"

struct audit_cursor {
    const char *directory; /* borrowed */
    const struct log_name *log;
    struct audit_segments segments;
    size_t next; /* the file to be opened next */
    FILE *file;  /* NULL: none is open */
    char *line;
    size_t capacity;
};

/* Stands before record @from, or the first that is there. Errors: -ENOENT (no such log here). */
MUST_CHECK int audit_cursor_open(struct audit_cursor *cursor, const char *directory,
                                 const struct log_name *log, uint64_t from);
/* Lends the next line, without its "\n", until the next call. Errors: -ENODATA (the log's end, or half a line). */
MUST_CHECK int audit_cursor_next(struct audit_cursor *cursor, struct bytes *ret);
void audit_cursor_clear(struct audit_cursor *cursor);
DEFINE_CLEAR(audit_cursor_clear, struct audit_cursor);
