/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c - the writer of one log.
 *
 * The file, the chain in memory and the store's head advance in this order and never one without the one before: a
 * line that was not written whole is taken back, a head is stored only when the lines before it are on the disk.
 */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/audit/audit_counts.h"
#include "proxy/audit/audit_lines.h"

#define TICK_MS 1000

struct audit {
    int fd;
    uint32_t signer;
    enum audit_sync sync;
    struct store *store; /* borrowed */
    off_t length;        /* of the file: all of it whole lines */
    uint64_t sequence;   /* of the last line */
    uint8_t hash[HASH_LEN];
    struct audit_counts counts;
    bool is_torn;   /* part of a line could not be taken back yet */
    bool is_synced; /* all lines are on the disk */
    int error;      /* what was written may be lost: nothing more is written */
    uint64_t stored_sequence;
    int64_t ticked_ms;
    audit_checkpoint_fn *checkpoint;
    void *checkpoint_arg;
    uint64_t checkpoint_sequence; /* of the last checkpoint's own record */
    int64_t checkpointed_ms;
};

/* --------------------------------------------------------------------------------------------------- opening */

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
    int r = audit_log_path(directory, audit->signer, path);

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

static int broken(const struct audit *audit, uint64_t sequence, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "audit.broken", "log=signer-%u sequence=%llu why=\"%s\"", audit->signer,
              (unsigned long long)sequence, why);
    return -EUCLEAN;
}

/* Where the last whole line ends. */
static int whole_length(const struct audit *audit, off_t *ret)
{
    char tail[AUDIT_LINE_MAX + 1];
    off_t from = audit->length > (off_t)sizeof(tail) ? audit->length - (off_t)sizeof(tail) : 0;
    ssize_t len = pread(audit->fd, tail, sizeof(tail), from);
    const char *newline;

    if (len < 0)
        return -errno;
    newline = memrchr(tail, '\n', (size_t)len);
    if (!newline && from > 0)
        return broken(audit, 0, "the end is not a line");
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
    log_event(LOG_LEVEL_WARNING, "audit.half_line", "log=signer-%u bytes=%lld", audit->signer,
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
        return broken(audit, sequence - 1, "no such line, but the store remembers a later one");
    memcpy(check->hash, facts.hash, HASH_LEN);
    return 0;
}

static int check_line(const struct audit *audit, struct audit_check *check, const struct audit_line *line)
{
    const char *why = "";
    int r = audit_check_line(check, BYTES(line->text, line->len), &why);

    return r == -EBADMSG ? broken(audit, check->next_sequence, why) : r;
}

/* What the stored head and the lines after it say: counts that the store may not know yet, and the last checkpoint. */
static int take_facts(struct audit *audit, const struct audit_line *line)
{
    struct audit_facts facts;
    int r = audit_line_facts(line, &facts);

    if (r == -EBADMSG)
        return broken(audit, audit->sequence, "a record without its fields");
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
    int r = store_audit_head_get(audit->store, audit->signer, &audit->stored_sequence, hash);

    if (r < 0 || audit->stored_sequence == 0)
        return r;
    r = previous_hash(audit, check, audit->stored_sequence);
    if (r < 0)
        return r;
    if (audit_line_find(audit->fd, audit->stored_sequence, &line) < 0)
        return broken(audit, audit->stored_sequence, "the log ends before the head that the store remembers");
    check->next_sequence = audit->stored_sequence;
    r = check_line(audit, check, &line);
    if (r < 0)
        return r;
    if (memcmp(check->hash, hash, HASH_LEN) != 0)
        return broken(audit, audit->stored_sequence, "not the line that the store remembers");
    *offset = line.end;
    return take_facts(audit, &line);
}

static int restore_line(struct audit *audit, struct audit_check *check, off_t *offset)
{
    struct audit_line line;
    int r = audit_line_at(audit->fd, *offset, &line);

    if (r == -EBADMSG || r == -ENODATA)
        return broken(audit, check->next_sequence, "not a line");
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
    int r = audit_check_init(&check, realm, audit->signer);

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

int audit_open(const char *directory, const char *realm, uint32_t signer, enum audit_sync sync,
               struct store *store, struct audit **ret)
{
    CLEANUP(audit_close) struct audit *audit = calloc(1, sizeof(*audit));
    int r;

    if (!audit)
        return -ENOMEM;
    audit->fd = -1;
    audit->signer = signer;
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

/* ----------------------------------------------------------------------------------------------- the one writer */

/* Takes back what was written of a line. While that fails, nothing can be appended. */
static int take_back(struct audit *audit)
{
    audit->is_torn = ftruncate(audit->fd, audit->length) < 0;
    return audit->is_torn ? -errno : 0;
}

/* The file is what we left: nobody else wrote to it, and it still has its name. */
static int check_file(struct audit *audit)
{
    struct stat status;

    if (fstat(audit->fd, &status) < 0)
        return -errno;
    if (status.st_size == audit->length && status.st_nlink == 1)
        return 0;
    audit->error = broken(audit, audit->sequence, "somebody else changed or removed the file");
    return audit->error;
}

static int write_line(struct audit *audit, struct bytes line)
{
    int error;

    for (size_t done = 0; done < line.len;) {
        ssize_t n = write(audit->fd, line.data + done, line.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            error = n < 0 ? -errno : -EIO;
            if (done)
                (void)take_back(audit); /* remembered in is_torn */
            return error;
        }
        done += (size_t)n;
    }
    return 0;
}

static int append_line(struct audit *audit, struct bytes line)
{
    int r = audit->error;

    if (r == 0 && audit->is_torn)
        r = take_back(audit);
    if (r == 0)
        r = check_file(audit);
    return r < 0 ? r : write_line(audit, line);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int audit_append(struct audit *audit, struct audit_record *record)
{
    CLEANUP(buffer_clear) struct buffer line = { 0 };
    uint8_t hash[HASH_LEN], key[KEY_NAME_LEN];
    int r;

    record->sequence = audit->sequence + 1;
    record->time_us = now_us();
    if (record->key_count && hex_decode(record->key, key, KEY_NAME_LEN) < 0)
        return -EINVAL;
    r = audit_record_line(record, audit->hash, &line, hash);
    if (r == 0)
        r = audit_counts_reserve(&audit->counts);
    if (r == 0)
        r = append_line(audit, buffer_bytes(&line));
    if (r < 0)
        return r;
    audit->length += (off_t)line.len;
    audit->sequence = record->sequence;
    audit->is_synced = false;
    memcpy(audit->hash, hash, HASH_LEN);
    if (record->key_count)
        audit_counts_set(&audit->counts, key, record->key_count, record->sequence, true);
    return 0;
}

int audit_next_count(struct audit *audit, const uint8_t name[KEY_NAME_LEN], uint64_t *ret)
{
    const struct audit_count *count = audit_counts_find(&audit->counts, name);
    uint64_t signatures, sequence;
    int r;

    if (count) {
        *ret = count->signatures + 1;
        return 0;
    }
    r = audit_counts_reserve(&audit->counts);
    if (r == 0)
        r = store_key_count_get(audit->store, audit->signer, name, &signatures, &sequence);
    if (r < 0)
        return r;
    audit_counts_set(&audit->counts, name, signatures, sequence, false);
    *ret = signatures + 1;
    return 0;
}

/* After a failure the kernel may have dropped what it could not write: nothing in this file can be trusted to last. */
static int sync_file(struct audit *audit)
{
    if (audit->error || audit->is_synced)
        return audit->error;
    if (fdatasync(audit->fd) < 0) {
        audit->error = -errno;
        log_event(LOG_LEVEL_ERROR, "audit.sync", "log=signer-%u error=\"%s\"", audit->signer,
                  strerror(errno));
        return audit->error;
    }
    audit->is_synced = true;
    return 0;
}

int audit_flush(struct audit *audit)
{
    return audit->sync == AUDIT_SYNC_BATCH ? sync_file(audit) : audit->error;
}

/* ---------------------------------------------------------------------------------------------- once a second */

static int put_head(struct audit *audit)
{
    int r = store_audit_head_put(audit->store, audit->signer, audit->sequence, audit->hash);

    return r < 0 ? r : audit_counts_put(&audit->counts, audit->store, audit->signer);
}

/* The store must not remember a head that a power cut can take away: the file first, in either mode. */
static int store_head(struct audit *audit)
{
    int r = sync_file(audit);

    if (r == 0)
        r = store_begin(audit->store);
    if (r < 0)
        return r;
    r = put_head(audit);
    if (r < 0) {
        store_rollback(audit->store);
        return r;
    }
    r = store_commit(audit->store);
    if (r < 0)
        return r;
    audit->stored_sequence = audit->sequence;
    audit_counts_clean(&audit->counts);
    return 0;
}

static int append_checkpoint(struct audit *audit, struct bytes signature)
{
    CLEANUP(free_string) char *note = malloc(2 * signature.len + 1);
    char digest[2 * HASH_LEN + 1];
    struct audit_record record = { .event = "checkpoint", .result = "OK", .digest = digest, .note = note };

    if (!note)
        return -ENOMEM;
    hex_encode(BYTES_OF_ARRAY(audit->hash), digest);
    hex_encode(signature, note);
    return audit_append(audit, &record);
}

static int make_checkpoint(struct audit *audit)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    int r = audit->checkpoint(audit->checkpoint_arg, audit->hash, &signature);

    if (r == 0)
        r = signature.failed ? -ENOMEM : append_checkpoint(audit, buffer_bytes(&signature));
    if (r == 0)
        audit->checkpoint_sequence = audit->sequence;
    return r;
}

void audit_set_checkpoint(struct audit *audit, audit_checkpoint_fn *fn, void *arg)
{
    audit->checkpoint = fn;
    audit->checkpoint_arg = arg;
}

/* Whether @interval_ms have passed; a clock that was set back counts as that. */
static bool is_due(int64_t *last_ms, int64_t now_ms, int64_t interval_ms)
{
    if (*last_ms && now_ms >= *last_ms && now_ms - *last_ms < interval_ms)
        return false;
    *last_ms = now_ms;
    return true;
}

static void say_failure(const struct audit *audit, const char *event, int error)
{
    log_event_limited(LOG_LEVEL_ERROR, 6, event, "log=signer-%u error=\"%s\"", audit->signer,
                      strerror(-error));
}

void audit_tick(struct audit *audit, int64_t now_ms)
{
    int r = 0;

    if (!is_due(&audit->ticked_ms, now_ms, TICK_MS))
        return;
    if (audit->checkpoint && audit->sequence > audit->checkpoint_sequence &&
        is_due(&audit->checkpointed_ms, now_ms, AUDIT_CHECKPOINT_MS))
        r = make_checkpoint(audit);
    if (r < 0)
        say_failure(audit, "audit.checkpoint", r);
    r = audit->sequence > audit->stored_sequence ? store_head(audit) : 0;
    if (r < 0)
        say_failure(audit, "audit.head", r);
}
