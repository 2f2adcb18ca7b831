/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c - a line at a time; a field in quotes that holds a line's end is refused, since no column here has one. */
#include "cli/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void csv_record_clear(struct csv_record *record)
{
    free(record->text);
    *record = (struct csv_record){ 0 };
}

/* Reads the field at @in, unquoted in place. NULL: malformed. Else what stands behind it: a comma or the end. */
static char *take_field(char *in, char **ret)
{
    char *out = in;

    *ret = in;
    if (*in != '"') {
        in += strcspn(in, ",\"");
        return *in == '"' ? NULL : in;
    }
    for (in++; *in != '"' || in[1] == '"'; in++) {
        if (!*in)
            return NULL;
        in += *in == '"'; /* two stand for one. RFC 4180 2, rule 7 */
        *out++ = *in;
    }
    in++;
    if (*in && *in != ',')
        return NULL;
    if (*in)
        *out = '\0';
    else
        *(in = out) = '\0';
    return in;
}

static int split(struct csv_record *record)
{
    char *in = record->text;

    for (;;) {
        char *behind;
        bool is_last;

        if (record->count == CSV_FIELDS_MAX)
            return -EBADMSG;
        behind = take_field(in, &record->field[record->count]);
        if (!behind)
            return -EBADMSG;
        record->count++;
        is_last = *behind != ',';
        *behind = '\0';
        if (is_last)
            return 1;
        in = behind + 1;
    }
}

int csv_read(FILE *file, unsigned *line, struct csv_record *ret)
{
    size_t size = 0;
    ssize_t len;

    do {
        len = getline(&ret->text, &size, file);
        if (len < 0)
            return ferror(file) ? -EIO : 0;
        ret->line = ++*line;
        if (memchr(ret->text, '\0', (size_t)len))
            return -EBADMSG;
        ret->text[strcspn(ret->text, "\r\n")] = '\0';
    } while (!*ret->text);
    return split(ret);
}

void csv_write_field(FILE *file, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}
