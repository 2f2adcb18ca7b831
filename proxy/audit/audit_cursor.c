/* SPDX-License-Identifier: Apache-2.0 */
/* audit_cursor.c - the lines of a log from some record on. */
#include "proxy/audit/audit_cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void audit_cursor_clear(struct audit_cursor *cursor)
{
    if (cursor->file)
        fclose(cursor->file);
    free(cursor->line);
    audit_segments_clear(&cursor->segments);
    *cursor = (struct audit_cursor){ 0 };
}

/* Opens the next file at record @from; 0: at its beginning. */
static int open_next(struct audit_cursor *cursor, uint64_t from)
{
    char path[AUDIT_PATH_MAX];
    struct audit_line line;
    int fd, r;

    if (cursor->next == cursor->segments.count)
        return -ENODATA;
    r = audit_segment_path(cursor->directory, cursor->log, cursor->segments.items[cursor->next++].number,
                           path);
    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    r = audit_line_find(fd, from, &line);
    if (r == 0 && lseek(fd, line.end - (off_t)line.len - 1, SEEK_SET) < 0)
        r = -errno;
    if (r == -ENODATA && lseek(fd, 0, SEEK_END) >= 0)
        r = 0; /* what is wanted comes in a later file */
    cursor->file = r == 0 ? fdopen(fd, "r") : NULL;
    if (cursor->file)
        return 0;
    r = r < 0 ? r : -errno;
    close(fd);
    return r;
}

int audit_cursor_open(struct audit_cursor *cursor, const char *directory, const struct log_name *log,
                      uint64_t from)
{
    int r;

    *cursor = (struct audit_cursor){ .directory = directory, .log = log };
    r = audit_segments_list(directory, log, &cursor->segments);
    if (r < 0)
        return r;
    if (cursor->segments.count == 0)
        return -ENOENT;
    cursor->next = audit_segments_find(&cursor->segments, from);
    return open_next(cursor, from);
}

int audit_cursor_next(struct audit_cursor *cursor, struct bytes *ret)
{
    for (;;) {
        ssize_t len = cursor->file ? getline(&cursor->line, &cursor->capacity, cursor->file) : -1;
        int r;

        if (len > 0 && cursor->line[len - 1] == '\n') {
            *ret = BYTES(cursor->line, (size_t)len - 1);
            return 0;
        }
        if (cursor->file)
            fclose(cursor->file);
        cursor->file = NULL;
        r = open_next(cursor, 0);
        if (r < 0)
            return r;
    }
}
