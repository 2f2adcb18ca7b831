/* SPDX-License-Identifier: Apache-2.0 */
/* audit_open.c - finds the end of a log, and that it is the end of the log which the store remembers. */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/audit/audit_segments.h"
#include "proxy/audit/audit_state.h"

/* Half a round of records, cut by a power failure, has no line's end; more than that is no accident. */
#define HALF_LINE_MAX 65536

int audit_broken(const struct audit *audit, uint64_t sequence, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "audit.broken", "log=%s sequence=%llu why=\"%s\"", audit->name,
              (unsigned long long)sequence, why);
    return -EUCLEAN;
}

static int sync_directory(const char *path)
{
    CLEANUP(free_string) char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r;

    if (fd < 0)
        return copy ? -errno : -ENOMEM;
    r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int audit_open_file(struct audit *audit)
{
    char path[AUDIT_PATH_MAX];
    struct stat status;
    int r = audit_segment_path(audit->config.directory, &audit->config.log, 0, path);

    if (r < 0)
        return r;
    audit->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (audit->fd < 0)
        return -errno;
    if (flock(audit->fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(audit->fd, &status) < 0)
        return -errno;
    audit->length = status.st_size;
    audit->room = 0;
    return status.st_size == 0 ? sync_directory(path) : 0;
}

/* Where the last whole line ends. */
static int whole_length(const struct audit *audit, off_t *ret)
{
    char tail[HALF_LINE_MAX];
    off_t from = audit->length > (off_t)sizeof(tail) ? audit->length - (off_t)sizeof(tail) : 0;
    ssize_t len = pread(audit->fd, tail, sizeof(tail), from);
    const char *newline;

    if (len < 0)
        return -errno;
    newline = memrchr(tail, '\n', (size_t)len);
    if (!newline && from > 0)
        return audit_broken(audit, 0, "the end is not a line");
    *ret = newline ? from + (newline + 1 - tail) : 0;
    return 0;
}

/* A power cut may leave half a line: its answer never left, so it may go. */
static int cut_half_line(struct audit *audit)
{
    off_t whole;
    int r = whole_length(audit, &whole);

    if (r < 0 || whole == audit->length)
        return r;
    if (ftruncate(audit->fd, whole) < 0)
        return -errno;
    log_event(LOG_LEVEL_WARNING, "audit.half_line", "log=%s bytes=%lld", audit->name,
              (long long)(audit->length - whole));
    audit->length = whole;
    return 0;
}

/* ------------------------------------------------------------------------------- what the files say */

/* A walk along the chain, over one file after the other. */
struct walk {
    struct audit_segments segments;
    size_t at; /* the file that is read */
    struct audit_check check;
    uint64_t stored; /* the head that the store remembers; 0: none */
    uint8_t stored_hash[HASH_LEN];
};

static void walk_clear(struct walk *walk)
{
    audit_segments_clear(&walk->segments);
}
DEFINE_CLEAR(walk_clear, struct walk);

/* Finds the line in @fd that the walk begins with, and the chain's hash before it. */
static int previous_hash(const struct audit *audit, int fd, struct walk *walk, struct audit_line *ret_line)
{
    uint64_t sequence = walk->check.next_sequence;
    struct audit_facts facts;

    if (audit_line_find(fd, sequence, ret_line) < 0)
        return audit_broken(audit, sequence, "no such line, but the store remembers a later one");
    if (sequence == 1)
        return 0; /* audit_check_init() has put it there */
    if (audit_line_facts(ret_line, &facts) == 0 && facts.segment && facts.sequence == sequence) {
        memcpy(walk->check.hash, facts.previous, HASH_LEN);
        return sequence == walk->stored + 1 && memcmp(facts.previous, walk->stored_hash, HASH_LEN) != 0
                   ? audit_broken(audit, sequence, "does not follow the line that the store remembers")
                   : 0;
    }
    if (audit_line_find(fd, sequence - 1, ret_line) < 0 || audit_line_facts(ret_line, &facts) < 0 ||
        facts.sequence != sequence - 1)
        return audit_broken(audit, sequence - 1, "no such line, but the store remembers a later one");
    memcpy(walk->check.hash, facts.hash, HASH_LEN);
    return audit_line_at(fd, ret_line->end, ret_line) < 0
               ? audit_broken(audit, sequence, "the log ends before the head that the store remembers")
               : 0;
}

/* What lines say: counts that the store may not know yet, the last checkpoint, the number of the file. */
static int take_facts(struct audit *audit, const struct audit_line *line)
{
    struct audit_facts facts;
    int r = audit_line_facts(line, &facts);

    if (r < 0)
        return r == -EBADMSG ? audit_broken(audit, audit->sequence, "a record without its fields") : r;
    if (facts.is_checkpoint)
        audit->checkpoint_sequence = facts.sequence;
    r = audit_grow_tree(audit, BYTES(line->text, line->len), facts.is_checkpoint);
    if (r < 0 || facts.key_count == 0)
        return r;
    r = audit_counts_reserve(&audit->counts);
    if (r < 0)
        return r;
    audit_counts_set(&audit->counts, facts.key, facts.key_count, facts.sequence, true);
    return 0;
}

static int take_line(struct audit *audit, struct walk *walk, const struct audit_line *line)
{
    uint64_t sequence = walk->check.next_sequence;
    const char *why = "";
    int r = audit_check_line(&walk->check, BYTES(line->text, line->len), &why);

    if (r < 0)
        return r == -EBADMSG ? audit_broken(audit, sequence, why) : r;
    if (sequence == walk->stored && memcmp(walk->check.hash, walk->stored_hash, HASH_LEN) != 0)
        return audit_broken(audit, sequence, "not the line that the store remembers");
    return take_facts(audit, line);
}

/* The rest of a file, from its line @line on. */
static int take_lines(struct audit *audit, struct walk *walk, int fd, struct audit_line *line)
{
    struct stat status;
    int r = fstat(fd, &status) < 0 ? -errno : take_line(audit, walk, line);

    while (r == 0 && line->end < status.st_size) {
        r = audit_line_at(fd, line->end, line);
        if (r == -EBADMSG || r == -ENODATA)
            return audit_broken(audit, walk->check.next_sequence, "not a line");
        if (r == 0)
            r = take_line(audit, walk, line);
    }
    return r;
}

static int open_segment(const struct audit *audit, const struct audit_segment *segment)
{
    char path[AUDIT_PATH_MAX];
    int r = audit_segment_path(audit->config.directory, &audit->config.log, segment->number, path);

    if (r < 0)
        return r;
    r = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return r < 0 ? -errno : r;
}

/* @is_start: the chain is entered here; else the file goes on where the one before it ended. */
static int take_file(struct audit *audit, struct walk *walk, bool is_start)
{
    const struct audit_segment *segment = &walk->segments.items[walk->at];
    struct audit_line line;
    int fd, r;

    if (segment->first == UINT64_MAX && audit->length == 0 && segment->number == 0)
        return 0; /* a new file, to which nothing was written yet */
    fd = open_segment(audit, segment);
    if (fd < 0)
        return fd;
    if (is_start)
        r = previous_hash(audit, fd, walk, &line);
    else if (audit_line_at(fd, 0, &line) < 0)
        r = audit_broken(audit, walk->check.next_sequence, "not a line");
    else
        r = 0;
    if (r == 0)
        r = take_lines(audit, walk, fd, &line);
    close(fd);
    return r;
}

/*
 * Where the walk begins: as far before the stored head as an interval between two checkpoints is long, so that the tree
 * over the interval is whole; or where the first file begins that is still here.
 */
static int begin_walk(struct audit *audit, struct walk *walk)
{
    uint64_t wanted, first;
    int r = store_audit_head_get(audit->store, &audit->config.log, &walk->stored, walk->stored_hash);

    if (r == 0)
        r = audit_segments_list(audit->config.directory, &audit->config.log, &walk->segments);
    if (r == 0)
        r = audit_check_init(&walk->check, audit->config.realm, &audit->config.log);
    if (r < 0)
        return r;
    audit->stored_sequence = walk->stored;
    wanted = walk->stored > AUDIT_CHECKPOINT_RECORDS ? walk->stored - AUDIT_CHECKPOINT_RECORDS : 1;
    first = walk->segments.items[0].first; /* the file that is written to exists: the list is not empty */
    if (first != UINT64_MAX && first > wanted && walk->stored + 1 >= first)
        wanted = first;
    walk->at = audit_segments_find(&walk->segments, wanted);
    walk->check.next_sequence = wanted;
    return 0;
}

/* The number and the age of the file that is written to. */
static int find_segment(struct audit *audit, const struct walk *walk)
{
    const struct audit_segments *segments = &walk->segments;
    struct audit_facts facts;
    struct audit_line line;

    audit->segment = segments->count > 1 ? segments->items[segments->count - 2].number + 1 : 1;
    if (audit->length == 0) {
        audit->segment_us = audit_now_us();
        return audit->sequence ? audit_begin_segment(audit, audit->segment) : 0;
    }
    if (audit_line_at(audit->fd, 0, &line) < 0 || audit_line_facts(&line, &facts) < 0)
        return audit_broken(audit, 0, "a file that does not begin with a record");
    if (facts.segment)
        audit->segment = facts.segment;
    audit->segment_us = facts.time_us;
    audit->segment_sequence = facts.segment ? facts.sequence : 0;
    return 0;
}

/* From the head that the store remembers to the end: an unbroken chain, or nothing starts. */
static int restore(struct audit *audit)
{
    CLEANUP(walk_clear) struct walk walk = { 0 };
    bool is_start = true;
    int r = begin_walk(audit, &walk);

    for (; r == 0 && walk.at < walk.segments.count; walk.at++, is_start = false)
        r = take_file(audit, &walk, is_start);
    if (r < 0)
        return r;
    audit->sequence = walk.check.next_sequence - 1;
    if (audit->sequence < walk.stored)
        return audit_broken(audit, walk.stored, "the log ends before the head that the store remembers");
    memcpy(audit->hash, walk.check.hash, HASH_LEN);
    return find_segment(audit, &walk);
}

int audit_open(const struct audit_config *config, struct store *store, struct audit **ret)
{
    CLEANUP(audit_close) struct audit *audit = calloc(1, sizeof(*audit));
    int r;

    if (!audit)
        return -ENOMEM;
    audit->fd = -1;
    audit->config = *config;
    audit->store = store;
    log_name_text(&config->log, audit->name);
    r = audit_open_file(audit);
    if (r == 0)
        r = cut_half_line(audit);
    if (r == 0)
        r = restore(audit);
    if (r < 0)
        return r;
    *ret = TAKE(audit);
    return 0;
}

void audit_close(struct audit *audit)
{
    if (!audit)
        return;
    if (audit->fd >= 0)
        close(audit->fd); /* and with it the lock */
    audit_counts_clear(&audit->counts);
    buffer_clear(&audit->line);
    free(audit);
}
