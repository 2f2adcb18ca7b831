/* SPDX-License-Identifier: Apache-2.0 */
/* backup_entries.c - rows, logs and files into a backup. */
#include "proxy/provision/backup_entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/secret.h"
#include "proxy/provision/progress.h"
#include "proxy/provision/verbs.h"

#define PIECE_LEN ((size_t)64 * 1024)
#define NO_LIMIT  INT64_MAX

DEFINE_CLEANUP(closedir, DIR *);

/* ------------------------------------------------------------------------------------------------------- rows */

struct rows {
    struct backup_writer *writer;
    struct progress progress;
};

static int add_record(void *arg, struct bytes record)
{
    struct rows *rows = arg;
    CLEANUP(buffer_clear) struct buffer framed = { .limit = STORE_RECORD_MAX + 4 };

    buffer_append_u32(&framed, (uint32_t)record.len);
    buffer_append(&framed, record);
    progress_add(&rows->progress, 1);
    return framed.failed ? -ENOMEM : backup_data(rows->writer, buffer_bytes(&framed));
}

int backup_add_store(struct backup_writer *writer, struct store_copy *copy, struct store *store)
{
    struct rows rows = { .writer = writer };
    uint64_t count;
    int r = store_copy_count(copy, store, &count);

    rows.progress = progress_of("rows", count);
    if (r == 0)
        r = backup_begin(writer, ENTRY_STORE, 0600);
    if (r == 0)
        r = store_copy_read(copy, store, add_record, &rows);
    progress_end(&rows.progress);
    return r == 0 ? backup_end(writer) : r;
}

/* ------------------------------------------------------------------------------------------------------ files */

/* The first @limit bytes of @fd. A private key passes through here: the piece is wiped. */
static int add_content(struct backup_writer *writer, int fd, int64_t limit)
{
    CLEANUP(secret_free) struct secret *piece = NULL;
    ssize_t len = 1;
    int r = secret_new(PIECE_LEN, &piece);

    while (r == 0 && len > 0 && limit > 0) {
        len = read(fd, piece->data, limit < (int64_t)PIECE_LEN ? (size_t)limit : PIECE_LEN);
        r = len < 0 ? -errno : backup_data(writer, BYTES(piece->data, (size_t)len));
        limit -= len;
    }
    return r;
}

static int add_file(struct backup_writer *writer, const char *path, const char *name)
{
    CLEANUP(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    struct stat status;
    int r;

    if (fd < 0 || fstat(fd, &status) < 0)
        return errno == ENOENT ? 0 : -errno; /* not every deployment has every file */
    if (!S_ISREG(status.st_mode))
        return 0;
    r = backup_begin(writer, name, status.st_mode & 0777);
    if (r == 0)
        r = add_content(writer, fd, NO_LIMIT);
    return r == 0 ? backup_end(writer) : r;
}

typedef int add_fn(struct backup_writer *writer, const char *path, const char *name);

/* Calls @add for every entry of the folder @path that @wanted ends; "" is the end of every name. */
static int add_folder(struct backup_writer *writer, const char *path, const char *prefix, const char *wanted,
                      add_fn *add)
{
    CLEANUP(closedir) DIR *folder = opendir(path);
    const struct dirent *entry;
    int r = 0;

    if (!folder)
        return errno == ENOENT ? 0 : -errno;
    while (r == 0 && (entry = readdir(folder))) {
        size_t len = strlen(entry->d_name), end = strlen(wanted);
        char file[PATH_MAX], name[PATH_MAX];

        if (entry->d_name[0] == '.' || len < end || strcmp(entry->d_name + len - end, wanted) != 0)
            continue;
        if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= PATH_MAX ||
            snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name) >= BACKUP_NAME_MAX)
            return -ENAMETOOLONG;
        r = add(writer, file, name);
    }
    return r;
}

int backup_add_files(struct backup_writer *writer, const struct proxy_config *config)
{
    int r = add_file(writer, config->path, ENTRY_CONFIG);

    if (r == 0)
        r = add_file(writer, "client.conf", "client.conf");
    if (r == 0)
        r = add_folder(writer, "tls", "tls/", "", add_file);
    return r == 0 ? add_folder(writer, "hsm", "hsm/", ".conf", add_file) : r;
}

/* ------------------------------------------------------------------------------------------------------- logs */

/* How much of a log that grows is whole lines. */
static int whole_length(int fd, int64_t *ret)
{
    char tail[PIECE_LEN];
    off_t length = lseek(fd, 0, SEEK_END);
    off_t from = length > (off_t)sizeof(tail) ? length - (off_t)sizeof(tail) : 0;
    ssize_t len = length < 0 ? -1 : pread(fd, tail, sizeof(tail), from);
    const char *newline = len > 0 ? memrchr(tail, '\n', (size_t)len) : NULL;

    if (len < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    *ret = newline ? from + (newline + 1 - tail) : 0;
    return 0;
}

static int add_log(struct backup_writer *writer, const char *path, const char *name)
{
    CLEANUP(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t length;
    int r = fd < 0 ? -errno : whole_length(fd, &length);

    if (r == 0)
        r = backup_begin(writer, name, 0600);
    if (r == 0)
        r = add_content(writer, fd, length);
    return r == 0 ? backup_end(writer) : r;
}

/* Of what was closed and packed, all is whole. */
static int add_audit_file(struct backup_writer *writer, const char *path, const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".log") == 0 ? add_log(writer, path, name)
                                                          : add_file(writer, path, name);
}

int backup_add_audit(struct backup_writer *writer, const struct proxy_config *config)
{
    return add_folder(writer, config->audit_directory, ENTRY_AUDIT, "", add_audit_file);
}

/* ------------------------------------------------------------------------------------------------- partitions */

/* The folders of @path, one level deep, but those that @without has too. */
static int add_tokens(struct backup_writer *writer, const char *path, const char *prefix, const char *without)
{
    CLEANUP(closedir) DIR *folder = opendir(path);
    const struct dirent *entry;
    int r = 0;

    if (!folder)
        return errno == ENOENT ? 0 : -errno;
    while (r == 0 && (entry = readdir(folder))) {
        char master[PATH_MAX], token[PATH_MAX], name[BACKUP_NAME_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(master, sizeof(master), "%s/%s", without, entry->d_name) >= PATH_MAX ||
            snprintf(token, sizeof(token), "%s/%s", path, entry->d_name) >= PATH_MAX ||
            snprintf(name, sizeof(name), "%s/%s/", prefix, entry->d_name) >= BACKUP_NAME_MAX)
            return -ENAMETOOLONG;
        if (access(master, F_OK) < 0)
            r = add_folder(writer, token, name, "", add_file);
    }
    return r;
}

int backup_add_partitions(struct backup_writer *writer, unsigned number, const char *partitions,
                          const char *master_tokens)
{
    char backup[PATH_MAX], entry[SHARD_ENTRY_LEN];
    int r;

    provision_shard_entry(ENTRY_PARTITIONS, number, entry);
    r = add_tokens(writer, partitions, entry, master_tokens);
    if (r < 0)
        return r;
    if (snprintf(backup, sizeof(backup), "%s-backup", partitions) >= PATH_MAX)
        return -ENAMETOOLONG;
    provision_shard_entry(ENTRY_PARTITION_BACKUP, number, entry);
    return add_tokens(writer, backup, entry, master_tokens);
}
