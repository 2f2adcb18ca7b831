/* SPDX-License-Identifier: Apache-2.0 */
/* audit_read.c - lines of a log as they are, for who wants to check them. */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/audit/audit_segments.h"

struct lines {
    struct buffer *items;
    size_t count;
};

static void lines_clear(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        buffer_clear(&lines->items[i]);
    free(lines->items);
}
DEFINE_CLEAR(lines_clear, struct lines);

static int lines_add(struct lines *lines, const struct audit_line *line)
{
    struct buffer *items = reallocarray(lines->items, lines->count + 1, sizeof(*items));

    if (!items)
        return -ENOMEM;
    lines->items = items;
    items[lines->count] = (struct buffer){ 0 };
    buffer_append(&items[lines->count], BYTES(line->text, line->len));
    if (items[lines->count].failed)
        return -ENOMEM;
    lines->count++;
    return 0;
}

/* From the file that begins at @path on. Errors: -ENODATA (no further line), as the caller's. */
static int read_lines(const char *path, uint64_t from, unsigned limit, struct lines *lines)
{
    struct audit_line line;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r;

    if (fd < 0)
        return -errno;
    r = audit_line_find(fd, from, &line);
    while (r == 0 && lines->count < limit) {
        r = lines_add(lines, &line);
        if (r == 0)
            r = audit_line_at(fd, line.end, &line);
    }
    close(fd);
    return r;
}

static int read_segments(const char *directory, const struct log_name *log,
                         const struct audit_segments *segments, uint64_t from, unsigned limit,
                         struct lines *lines)
{
    int r = -ENODATA;

    for (size_t i = audit_segments_find(segments, from); r == -ENODATA && i < segments->count; i++) {
        char path[AUDIT_PATH_MAX];

        r = audit_segment_path(directory, log, segments->items[i].number, path);
        if (r == 0)
            r = read_lines(path, from, limit, lines);
    }
    return r == -ENODATA ? 0 : r;
}

static int read_log(const char *directory, const struct log_name *log, uint64_t from, unsigned limit,
                    struct lines *lines)
{
    CLEANUP(audit_segments_clear) struct audit_segments segments = { 0 };
    int r = audit_segments_list(directory, log, &segments);

    if (r < 0)
        return r;
    return segments.count ? read_segments(directory, log, &segments, from, limit, lines) : -ENOENT;
}

int audit_read(const char *directory, const struct log_name *log, uint64_t from, unsigned limit,
               struct buffer **ret_lines, size_t *ret_count)
{
    CLEANUP(lines_clear) struct lines lines = { 0 };
    int r = read_log(directory, log, from, limit, &lines);

    if (r == -ENOENT &&
        lines.count == 0) /* the file may have been closed, and renamed, since it was listed */
        r = read_log(directory, log, from, limit, &lines);
    if (r < 0)
        return r;
    *ret_lines = TAKE(lines.items);
    *ret_count = lines.count;
    lines.count = 0;
    return 0;
}
