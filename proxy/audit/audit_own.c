/* SPDX-License-Identifier: Apache-2.0 */
/* audit_own.c - the records about one token, with their proofs. */
#include "proxy/audit/audit_own.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/audit_tree.h"
#include "proxy/audit/audit_cursor.h"

#define LINES_MAX 20000 /* looked at for a page: some ten milliseconds of a signer's time */
#define INTERVAL_MAX                                                                                         \
    65536 /* records of a checkpoint; the writer makes one much sooner, unless its HSM fails */

DEFINE_CLEANUP(json_decref, json_t *);

void audit_own_page_clear(struct audit_own_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        buffer_clear(&page->records[i].line);
        buffer_clear(&page->records[i].path);
    }
    for (size_t i = 0; i < page->checkpoint_count; i++)
        buffer_clear(&page->checkpoints[i]);
    *page = (struct audit_own_page){ 0 };
}

/* A member as audit_record.c writes it: a quote inside a value is escaped, so this can stand nowhere else. */
static bool has_member(struct bytes line, const char *name, const char *value)
{
    char text[64 + NAME_MAX_LEN];
    int len = snprintf(text, sizeof(text), ",\"%s\":\"%s\",", name, value);

    return len > 0 && (size_t)len < sizeof(text) && memmem(line.data, line.len, text, (size_t)len);
}

static int take_record(struct audit_own_page *page, struct bytes line, uint64_t sequence)
{
    struct audit_own_record *record = &page->records[page->count++];

    *record = (struct audit_own_record){ .sequence = sequence };
    buffer_append(&record->line, line);
    return record->line.failed ? -ENOMEM : 0;
}

/* ---------------------------------------------------------------------------------------------------- proofs */

static int parse_checkpoint(struct bytes line, struct audit_checkpoint *ret)
{
    CLEANUP(json_decref) json_t *object = json_loadb((const char *)line.data, line.len, 0, NULL);
    const char *note = json_string_value(json_object_get(object, "note"));
    uint8_t signature[AUDIT_SIGNATURE_LEN];

    ret->last = audit_line_sequence(line) - 1;
    if (!note || audit_checkpoint_parse(note, ret, signature) < 0 || ret->first == 0 ||
        ret->first > ret->last)
        return -EBADMSG;
    return 0;
}

static int read_leaves(const char *directory, const struct log_name *log, uint64_t first, uint64_t count,
                       uint8_t (*ret)[HASH_LEN])
{
    CLEANUP(audit_cursor_clear) struct audit_cursor cursor = { 0 };
    int r = audit_cursor_open(&cursor, directory, log, first);

    for (uint64_t i = 0; r == 0 && i < count; i++) {
        struct bytes line;

        r = audit_cursor_next(&cursor, &line);
        if (r == 0 && audit_line_sequence(line) != first + i)
            r = -ENODATA; /* the interval's beginning was taken away with its file */
        if (r == 0)
            r = audit_leaf(line, ret[i]);
    }
    return r;
}

static int add_paths(struct audit_own_page *page, size_t from, const struct audit_levels *levels,
                     const struct audit_checkpoint *checkpoint)
{
    int r = 0;

    for (size_t i = from; r == 0 && i < page->count; i++) {
        struct audit_own_record *record = &page->records[i];

        if (record->sequence < checkpoint->first)
            continue;
        record->checkpoint = checkpoint->last + 1;
        r = audit_levels_path(levels, record->sequence - checkpoint->first, &record->path);
    }
    return r;
}

/* Proves the records from number @from of the page on by the checkpoint that @line is. */
static int prove(struct audit_own_page *page, size_t from, const char *directory, const struct log_name *log,
                 struct bytes line)
{
    CLEANUP(audit_levels_clear) struct audit_levels levels = { 0 };
    CLEANUP(free) void *leaves = NULL;
    struct audit_checkpoint checkpoint;
    uint64_t count;
    int r = parse_checkpoint(line, &checkpoint);

    if (r < 0)
        return r;
    count = checkpoint.last + 1 - checkpoint.first;
    if (count > INTERVAL_MAX)
        return 0; /* they go without */
    leaves = calloc(count, HASH_LEN);
    if (!leaves)
        return -ENOMEM;
    r = read_leaves(directory, log, checkpoint.first, count, leaves);
    if (r == -ENODATA)
        return 0;
    if (r == 0)
        r = audit_levels_build(leaves, count, &levels);
    if (r == 0)
        r = add_paths(page, from, &levels, &checkpoint);
    if (r < 0)
        return r;
    buffer_append(&page->checkpoints[page->checkpoint_count], line);
    return page->checkpoints[page->checkpoint_count++].failed ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------------------------------------- the page */

/* A page on its way: which of its records wait for their checkpoint. */
struct scan {
    const char *directory;
    const struct log_name *log;
    const struct audit_own_subject *subject;
    struct audit_own_page *page;
    size_t waiting; /* the first record of the page without a checkpoint */
    bool is_full;   /* no room for further records: only the checkpoint is looked for */
};

/* A name may have been somebody else's before. */
static bool is_about(struct bytes line, const struct audit_own_subject *subject)
{
    return has_member(line, "token", subject->token) && audit_line_time_us(line) >= subject->since_us;
}

/* What @line is to the page. Returns 1 when the page is done. */
static int take_line(struct scan *scan, struct bytes line)
{
    struct audit_own_page *page = scan->page;
    uint64_t sequence = audit_line_sequence(line);
    int r = 0;

    if (sequence == 0)
        return -EBADMSG;
    if (has_member(line, "event", "checkpoint")) {
        if (scan->waiting < page->count)
            r = prove(page, scan->waiting, scan->directory, scan->log, line);
        scan->waiting = page->count;
        if (r < 0 || scan->is_full)
            return r < 0 ? r : 1;
    }
    if (!scan->is_full && is_about(line, scan->subject))
        r = take_record(page, line, sequence);
    if (r == 0 && !scan->is_full)
        page->next = sequence + 1;
    scan->is_full = page->count == AUDIT_OWN_MAX;
    return r;
}

int audit_own_read(const char *directory, const struct log_name *log, const struct audit_own_subject *subject,
                   uint64_t from, struct audit_own_page *ret)
{
    CLEANUP(audit_own_page_clear) struct audit_own_page page = { .next = from };
    CLEANUP(audit_cursor_clear) struct audit_cursor cursor = { 0 };
    struct scan scan = { .directory = directory, .log = log, .subject = subject, .page = &page };
    struct bytes line;
    int r = audit_cursor_open(&cursor, directory, log, from);

    if (r < 0)
        return r;
    for (unsigned lines = 0; r == 0 && (lines < LINES_MAX || scan.waiting < page.count); lines++) {
        r = audit_cursor_next(&cursor, &line);
        if (r == 0)
            r = take_line(&scan, line);
        if (lines > LINES_MAX + INTERVAL_MAX)
            break;
    }
    if (r < 0 && r != -ENODATA)
        return r;
    page.has_more = r != -ENODATA || scan.is_full;
    *ret = page;
    page = (struct audit_own_page){ 0 };
    return 0;
}
