/* SPDX-License-Identifier: Apache-2.0 */
/* log_fixture.h - a directory with a store and the log of signer 2 in it, and somebody who meddles with the file. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "proxy/audit/audit.h"
#include "tests/support/scratch.h"

#define REALM "Example"
#define LOG   "web1.signer-2.log"

static const struct log_name log_name = { "web1", 2 };

struct log_fixture {
    struct scratch scratch;
    struct store *store;
    struct audit_config config;
    struct audit *audit; /* NULL: not open */
};

static inline void log_setup(struct log_fixture *log)
{
    char url[SCRATCH_PATH_MAX + 16];

    scratch_make(&log->scratch);
    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&log->scratch, "store.db"));
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &log->store), 0);
    log->config = (struct audit_config){
        .directory = log->scratch.directory,
        .realm = REALM,
        .log = log_name,
        .sync = AUDIT_SYNC_BATCH,
    };
}

static inline void log_teardown(struct log_fixture *log)
{
    audit_close(TAKE(log->audit));
    store_close(TAKE(log->store));
    scratch_remove(&log->scratch);
}

static inline int log_try_open(struct log_fixture *log)
{
    return audit_open(&log->config, log->store, &log->audit);
}

static inline void log_open_file(struct log_fixture *log)
{
    ck_assert_int_eq(log_try_open(log), 0);
}

static inline void log_reopen(struct log_fixture *log)
{
    audit_close(TAKE(log->audit));
    log_open_file(log);
}

static inline int log_append(struct log_fixture *log, const char *event, const char *note)
{
    struct audit_record record = { .event = event, .result = "OK", .principal = "alice", .note = note };

    return audit_append(log->audit, &record);
}

static inline void log_append_many(struct log_fixture *log, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(log_append(log, "unlock", "a note"), 0);
}

/* A signature with the key that is called 32 times @key; gives the count that the record carries. */
static inline uint64_t log_sign(struct log_fixture *log, uint8_t key)
{
    uint8_t name[KEY_NAME_LEN];
    char text[2 * KEY_NAME_LEN + 1];
    struct audit_record record = { .event = "sign", .result = "OK", .key = text };

    memset(name, key, sizeof(name));
    hex_encode(BYTES_OF_ARRAY(name), text);
    ck_assert_int_eq(audit_next_count(log->audit, name, &record.key_count), 0);
    ck_assert_int_eq(audit_append(log->audit, &record), 0);
    return record.key_count;
}

/* The file's content; the buffer is the caller's. */
static inline struct buffer log_content(struct log_fixture *log)
{
    struct buffer content = { 0 };
    uint8_t block[4096];
    int fd = open(scratch_path(&log->scratch, LOG), O_RDONLY);
    ssize_t n;

    ck_assert_int_ge(fd, 0);
    while ((n = read(fd, block, sizeof(block))) > 0)
        buffer_append(&content, BYTES(block, n));
    close(fd);
    return content;
}

static inline void log_write(struct log_fixture *log, int flags, const char *text)
{
    int fd = open(scratch_path(&log->scratch, LOG), O_WRONLY | flags);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Changes the last place of @old in the file to @new, which is as long. */
static inline void log_alter(struct log_fixture *log, const char *old, const char *new)
{
    CLEANUP(buffer_clear) struct buffer content = log_content(log);
    int fd = open(scratch_path(&log->scratch, LOG), O_WRONLY);
    size_t at = content.len - strlen(old);

    while (memcmp(content.data + at, old, strlen(old)) != 0)
        ck_assert_uint_gt(at--, 0);
    ck_assert_int_eq(pwrite(fd, new, strlen(new), (off_t)at), (ssize_t)strlen(new));
    close(fd);
}

/* That the file holds @lines whole lines, an unbroken chain. */
static inline void log_check(struct log_fixture *log, unsigned lines)
{
    CLEANUP(buffer_clear) struct buffer content = log_content(log);
    const char *line = (const char *)content.data, *end;
    struct audit_check check;
    const char *why = "";

    ck_assert_int_eq(audit_check_init(&check, REALM, &log_name), 0);
    for (unsigned i = 0; i < lines; i++) {
        end = memchr(line, '\n', (size_t)((const char *)content.data + content.len - line));
        ck_assert_ptr_nonnull(end);
        ck_assert_msg(audit_check_line(&check, BYTES(line, end - line), &why) == 0, "line %u: %s", i + 1,
                      why);
        line = end + 1;
    }
    ck_assert_ptr_eq(line, (const char *)content.data + content.len);
}

static inline off_t log_size(struct log_fixture *log)
{
    struct stat status;

    ck_assert_int_eq(stat(scratch_path(&log->scratch, LOG), &status), 0);
    return status.st_size;
}

/*
 * The log goes on in a directory of its own, a file system of 64 KiB that is gone with this process. False: this machine
 * does not let us, and nothing has changed.
 */
static inline bool log_move_to_small_disk(struct log_fixture *log)
{
    char path[SCRATCH_PATH_MAX];

    snprintf(path, sizeof(path), "%s", scratch_path(&log->scratch, "small"));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", path, "tmpfs", 0, "size=64k") < 0)
        return false;
    audit_close(TAKE(log->audit));
    strcpy(log->scratch.directory, path);
    log_open_file(log);
    return true;
}

static inline void log_leave_small_disk(struct log_fixture *log)
{
    audit_close(TAKE(log->audit));
    ck_assert_int_eq(umount(log->scratch.directory), 0);
    *strrchr(log->scratch.directory, '/') = '\0';
}
