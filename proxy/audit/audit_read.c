/* SPDX-License-Identifier: Apache-2.0 */
/* audit_read.c - lines of a log as they are, for who wants to check them. */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/audit/audit_lines.h"

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

static int read_lines(int fd, uint64_t from, unsigned limit, struct lines *lines)
{
    struct audit_line line;
    int r = audit_line_find(fd, from, &line);

    while (r == 0 && lines->count < limit) {
        r = lines_add(lines, &line);
        if (r == 0)
            r = audit_line_at(fd, line.end, &line);
    }
    return r == -ENODATA ? 0 : r;
}

int audit_read(const char *directory, uint32_t signer, uint64_t from, unsigned limit,
               struct buffer **ret_lines, size_t *ret_count)
{
    CLEANUP(lines_clear) struct lines lines = { 0 };
    char path[AUDIT_PATH_MAX];
    int r = audit_log_path(directory, signer, path);
    int fd;

    if (r < 0)
        return r;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = read_lines(fd, from, limit, &lines);
    close(fd);
    if (r < 0)
        return r;
    *ret_lines = TAKE(lines.items);
    *ret_count = lines.count;
    lines.count = 0;
    return 0;
}
