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

static int open_file(struct audit *audit, const char *directory)
{
    char path[AUDIT_PATH_MAX];
    struct stat status;
    int r = audit_segment_path(directory, &audit->log, 0, path);

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

/* The hash before line @sequence, as the line before it says. */
static int previous_hash(const struct audit *audit, struct audit_check *check, uint64_t sequence)
{
    struct audit_line line;
    struct audit_facts facts;

    if (sequence == 1)
        return 0; /* audit_check_init() has put it there */
    if (audit_line_find(audit->fd, sequence - 1, &line) < 0 || audit_line_facts(&line, &facts) < 0 ||
        facts.sequence != sequence - 1)
        return audit_broken(audit, sequence - 1, "no such line, but the store remembers a later one");
    memcpy(check->hash, facts.hash, HASH_LEN);
    return 0;
}

static int check_line(const struct audit *audit, struct audit_check *check, const struct audit_line *line)
{
    const char *why = "";
    int r = audit_check_line(check, BYTES(line->text, line->len), &why);

    return r == -EBADMSG ? audit_broken(audit, check->next_sequence, why) : r;
}

/* What the stored head and the lines after it say: counts that the store may not know yet, and the last checkpoint. */
static int take_facts(struct audit *audit, const struct audit_line *line)
{
    struct audit_facts facts;
    int r = audit_line_facts(line, &facts);

    if (r == -EBADMSG)
        return audit_broken(audit, audit->sequence, "a record without its fields");
    if (r < 0)
        return r;
    if (facts.is_checkpoint)
        audit->checkpoint_sequence = facts.sequence;
    if (facts.key_count == 0)
        return 0;
    r = audit_counts_reserve(&audit->counts);
    if (r < 0)
        return r;
    audit_counts_set(&audit->counts, facts.key, facts.key_count, facts.sequence, true);
    return 0;
}

/* Finds the line that the store remembers as the log's head and checks it. @offset: where the next one starts. */
static int check_head(struct audit *audit, struct audit_check *check, off_t *offset)
{
    uint8_t hash[HASH_LEN];
    struct audit_line line;
    int r = store_audit_head_get(audit->store, &audit->log, &audit->stored_sequence, hash);

    if (r < 0 || audit->stored_sequence == 0)
        return r;
    r = previous_hash(audit, check, audit->stored_sequence);
    if (r < 0)
        return r;
    if (audit_line_find(audit->fd, audit->stored_sequence, &line) < 0)
        return audit_broken(audit, audit->stored_sequence,
                            "the log ends before the head that the store remembers");
    check->next_sequence = audit->stored_sequence;
    r = check_line(audit, check, &line);
    if (r < 0)
        return r;
    if (memcmp(check->hash, hash, HASH_LEN) != 0)
        return audit_broken(audit, audit->stored_sequence, "not the line that the store remembers");
    *offset = line.end;
    return take_facts(audit, &line);
}

static int restore_line(struct audit *audit, struct audit_check *check, off_t *offset)
{
    struct audit_line line;
    int r = audit_line_at(audit->fd, *offset, &line);

    if (r == -EBADMSG || r == -ENODATA)
        return audit_broken(audit, check->next_sequence, "not a line");
    if (r == 0)
        r = check_line(audit, check, &line);
    if (r == 0)
        r = take_facts(audit, &line);
    if (r == 0)
        *offset = line.end;
    return r;
}

/* From the head that the store remembers to the end of the file: an unbroken chain, or nothing starts. */
static int restore(struct audit *audit, const char *realm)
{
    struct audit_check check;
    off_t offset = 0;
    int r = audit_check_init(&check, realm, &audit->log);

    if (r == 0)
        r = check_head(audit, &check, &offset);
    while (r == 0 && offset < audit->length)
        r = restore_line(audit, &check, &offset);
    if (r < 0)
        return r;
    audit->sequence = check.next_sequence - 1;
    memcpy(audit->hash, check.hash, HASH_LEN);
    return 0;
}

int audit_open(const char *directory, const char *realm, const struct log_name *log, enum audit_sync sync,
               struct store *store, struct audit **ret)
{
    CLEANUP(audit_close) struct audit *audit = calloc(1, sizeof(*audit));
    int r;

    if (!audit)
        return -ENOMEM;
    audit->fd = -1;
    audit->log = *log;
    log_name_text(log, audit->name);
    audit->sync = sync;
    audit->store = store;
    r = open_file(audit, directory);
    if (r == 0)
        r = cut_half_line(audit);
    if (r == 0)
        r = restore(audit, realm);
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
    free(audit);
}
