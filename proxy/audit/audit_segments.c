/* SPDX-License-Identifier: Apache-2.0 */
/* audit_segments.c - the files of a log that are in a directory, and which logs have any there. */
#include "proxy/audit/audit_segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

DEFINE_CLEANUP(closedir, DIR *);

void audit_segments_clear(struct audit_segments *segments)
{
    free(segments->items);
    *segments = (struct audit_segments){ 0 };
}

int audit_segment_path(const char *directory, const struct log_name *log, uint32_t number,
                       char ret[AUDIT_PATH_MAX])
{
    char name[LOG_FILE_NAME_MAX];
    int len;

    log_file_name(log, number, name);
    len = snprintf(ret, AUDIT_PATH_MAX, "%s/%s", directory, name);
    return len < 0 || len >= AUDIT_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The sequence that a file begins with; one that cannot be read begins nowhere. */
static uint64_t first_sequence(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct audit_facts facts;
    struct audit_line line;
    bool is_record;

    if (fd < 0)
        return UINT64_MAX;
    is_record = audit_line_at(fd, 0, &line) == 0 && audit_line_facts(&line, &facts) == 0;
    close(fd);
    return is_record ? facts.sequence : UINT64_MAX;
}

static int add_segment(struct audit_segments *segments, const char *directory, const struct log_name *log,
                       uint32_t number)
{
    struct audit_segment *items = reallocarray(segments->items, segments->count + 1, sizeof(*items));
    char path[AUDIT_PATH_MAX];
    int r;

    if (!items)
        return -ENOMEM;
    segments->items = items;
    r = audit_segment_path(directory, log, number, path);
    if (r == 0)
        items[segments->count++] = (struct audit_segment){ number, first_sequence(path) };
    return r;
}

static int compare_segments(const void *a, const void *b)
{
    /* Number 0 is written to, so it comes last: as unsigned numbers, one less each. */
    uint32_t one = ((const struct audit_segment *)a)->number - 1;
    uint32_t other = ((const struct audit_segment *)b)->number - 1;

    return (one > other) - (one < other);
}

int audit_segments_list(const char *directory, const struct log_name *log, struct audit_segments *ret)
{
    CLEANUP(audit_segments_clear) struct audit_segments segments = { 0 };
    CLEANUP(closedir) DIR *stream = opendir(directory);
    const struct dirent *entry;
    struct log_name name;
    uint32_t number;

    if (!stream)
        return -errno;
    while ((entry = readdir(stream))) {
        int r = log_file_parse(entry->d_name, &name, &number, NULL) && log_name_compare(&name, log) == 0
                    ? add_segment(&segments, directory, log, number)
                    : 0;

        if (r < 0)
            return r;
    }
    if (segments.count)
        qsort(segments.items, segments.count, sizeof(*segments.items), compare_segments);
    *ret = (struct audit_segments){ TAKE(segments.items), segments.count };
    return 0;
}

size_t audit_segments_find(const struct audit_segments *segments, uint64_t sequence)
{
    size_t at = 0;

    for (size_t i = 1; i < segments->count; i++)
        if (segments->items[i].first <= sequence)
            at = i;
    return at;
}

/* ------------------------------------------------------------------------------------------------- all logs */

static int add_log(struct log_name **names, size_t *count, const struct log_name *name)
{
    struct log_name *grown;
    size_t at = 0;

    while (at < *count && log_name_compare(&(*names)[at], name) < 0)
        at++;
    if (at < *count && log_name_compare(&(*names)[at], name) == 0)
        return 0;
    grown = reallocarray(*names, *count + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    memmove(grown + at + 1, grown + at, (*count - at) * sizeof(*grown));
    grown[at] = *name;
    *names = grown;
    (*count)++;
    return 0;
}

int audit_logs_list(const char *directory, struct log_name **ret, size_t *ret_count)
{
    CLEANUP(closedir) DIR *stream = opendir(directory);
    struct log_name *names = NULL, name;
    const struct dirent *entry;
    uint32_t number;
    size_t count = 0;
    int r = 0;

    if (!stream)
        return -errno;
    while (r == 0 && (entry = readdir(stream)))
        if (log_file_parse(entry->d_name, &name, &number, NULL))
            r = add_log(&names, &count, &name);
    if (r < 0) {
        free(names);
        return r;
    }
    *ret = names;
    *ret_count = count;
    return 0;
}
