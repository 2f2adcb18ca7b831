/* SPDX-License-Identifier: Apache-2.0 */
/* audit_lines.c - the lines of a log file, found by their sequence numbers, and what a line says. */
#include "proxy/audit/audit_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

/* Wherever it begins, a window of this size holds one whole line, if there is one. */
#define WINDOW (2 * (AUDIT_LINE_MAX + 1))

static int read_window(int fd, off_t offset, char window[WINDOW], size_t *ret_len)
{
    size_t len = 0;

    while (len < WINDOW) {
        ssize_t n = pread(fd, window + len, WINDOW - len, offset + (off_t)len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int audit_line_at(int fd, off_t offset, struct audit_line *ret)
{
    off_t from = offset ? offset - 1 : 0; /* a line starts at 0 and after every "\n" */
    char window[WINDOW];
    const char *start = window, *end;
    size_t len = 0;
    int r = read_window(fd, from, window, &len);

    if (r < 0)
        return r;
    if (offset) {
        start = memchr(window, '\n', len);
        start = start ? start + 1 : window + len;
    }
    end = memchr(start, '\n', (size_t)(window + len - start));
    if (!end)
        return len < WINDOW ? -ENODATA : -EBADMSG;
    if ((size_t)(end - start) > AUDIT_LINE_MAX)
        return -EBADMSG;
    ret->end = from + (end + 1 - window);
    ret->len = (size_t)(end - start);
    memcpy(ret->text, start, ret->len);
    ret->text[ret->len] = '\0';
    return 0;
}

/* The first line at or after @offset that is a record; one that is none tells no sequence. Errors: as its caller's. */
static int record_at(int fd, off_t offset, struct audit_line *line, struct audit_facts *ret)
{
    int r;

    while ((r = audit_line_at(fd, offset, line)) == 0 && audit_line_facts(line, ret) < 0)
        offset = line->end;
    return r;
}

/* By halving: records before @low, which starts a line, are too old; none at or after @high is. */
int audit_line_find(int fd, uint64_t sequence, struct audit_line *ret)
{
    struct audit_facts facts;
    struct stat status;
    off_t low = 0, high;

    if (fstat(fd, &status) < 0)
        return -errno;
    for (high = status.st_size; low < high;) {
        off_t middle = low + (high - low) / 2;
        int r = record_at(fd, middle, ret, &facts);

        if (r < 0 && r != -ENODATA)
            return r;
        if (r == 0 && facts.sequence < sequence)
            low = ret->end;
        else
            high = middle;
    }
    return audit_line_at(fd, low, ret);
}

static int hex_member(const json_t *object, const char *name, uint8_t *ret, size_t len)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text && hex_decode(text, ret, len) == 0 ? 0 : -EBADMSG;
}

static int read_segment(const json_t *object, struct audit_facts *ret)
{
    const char *note = json_string_value(json_object_get(object, "note"));
    size_t len = strlen(SEGMENT_NOTE);
    unsigned long number = note && strncmp(note, SEGMENT_NOTE, len) == 0 ? strtoul(note + len, NULL, 10) : 0;

    if (number == 0 || number > UINT32_MAX)
        return -EBADMSG;
    ret->segment = (uint32_t)number;
    return hex_member(object, "digest", ret->previous, HASH_LEN);
}

static int read_facts(const json_t *object, struct audit_facts *ret)
{
    struct audit_facts facts = { 0 };
    const char *event = json_string_value(json_object_get(object, "event"));
    json_int_t sequence = json_integer_value(json_object_get(object, "sequence"));
    json_int_t key_count = json_integer_value(json_object_get(object, "key_count"));

    if (!event || sequence <= 0 || key_count < 0 || hex_member(object, "hash", facts.hash, HASH_LEN) < 0)
        return -EBADMSG;
    if (key_count > 0 && hex_member(object, "key", facts.key, KEY_NAME_LEN) < 0)
        return -EBADMSG;
    facts.sequence = (uint64_t)sequence;
    facts.key_count = (uint64_t)key_count;
    facts.time_us = (uint64_t)json_integer_value(json_object_get(object, "time_us"));
    facts.is_checkpoint = strcmp(event, "checkpoint") == 0;
    *ret = facts;
    return strcmp(event, "segment") == 0 ? read_segment(object, ret) : 0;
}

int audit_line_facts(const struct audit_line *line, struct audit_facts *ret)
{
    json_t *object = json_loadb(line->text, line->len, JSON_REJECT_DUPLICATES, NULL);
    int r = object ? read_facts(object, ret) : -EBADMSG;

    json_decref(object);
    return r;
}
