/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_directory.c - SoftHSM's token files. Directories are held open and names are relative to them, so that no path
 * is walked twice and nothing is followed out of the tree.
 */
#include "proxy/hsm/token_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limits.h"

#define CONF_VARIABLE "SOFTHSM2_CONF="
#define CONF_KEY      "directories.tokendir"
#define UUID_LEN      36
#define TOKEN_FILE    "token.object"
#define OBJECT_SUFFIX ".object"
#define BACKUP_SUFFIX "-backup"
#define NEW_SUFFIX    ".new"            /* of a backup in the making */
#define TEMPORARY     ".copy"           /* no name of SoftHSM's */
#define COPY_MAX      (4 * 1024 * 1024) /* bytes of one file: a key has some kilobytes */

/* An open directory: its descriptor for opening what is in it, and the stream that lists it. */
struct folder {
    DIR *stream;
    int fd;
};

static void folder_close(struct folder *folder)
{
    if (folder->stream)
        closedir(folder->stream);
}
DEFINE_CLEAR(folder_close, struct folder);

static int folder_open(int parent, const char *name, struct folder *ret)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream;

    if (fd < 0)
        return -errno;
    stream = fdopendir(fd);
    if (!stream) {
        int r = -errno;

        close(fd);
        return r;
    }
    *ret = (struct folder){ .stream = stream, .fd = fd };
    return 0;
}

/* Opens a sub-directory, made if it is not there. */
static int folder_make(int parent, const char *name, struct folder *ret)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    return folder_open(parent, name, ret);
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
DEFINE_CLEAR(close_file, int);

/* ------------------------------------------------------------------------------------------------- names */

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static bool is_token(const char *name)
{
    return strlen(name) == UUID_LEN && name[8] == '-' && name[23] == '-';
}

/* SoftHSM 2.6, ObjectStore::newToken: a serial number is the last two groups of the directory's UUID. */
static void serial_of(const char *name, char ret[SERIAL_LEN + 1])
{
    snprintf(ret, SERIAL_LEN + 1, "%.4s%.12s", name + 19, name + 24);
}

static int find_token(const struct folder *folder, const char *serial, char ret[UUID_LEN + 1])
{
    char other[SERIAL_LEN + 1];
    struct dirent *entry;

    rewinddir(folder->stream);
    while ((entry = readdir(folder->stream))) {
        if (!is_token(entry->d_name))
            continue;
        serial_of(entry->d_name, other);
        if (strcmp(other, serial) != 0)
            continue;
        memcpy(ret, entry->d_name, UUID_LEN + 1);
        return 0;
    }
    return -ENOENT;
}

static int read_conf(const char *path, char **ret)
{
    CLEANUP(free_string) char *line = NULL;
    FILE *file = fopen(path, "re");
    char value[4096];
    size_t room = 0;
    int r = -EINVAL;

    if (!file)
        return -errno;
    while (r == -EINVAL && getline(&line, &room, file) > 0) {
        if (sscanf(line, " " CONF_KEY " = %4095s", value) != 1)
            continue;
        *ret = strdup(value);
        r = *ret ? 0 : -ENOMEM;
    }
    fclose(file);
    return r;
}

int token_directory_of(const char *environment, char **ret)
{
    if (!environment || strncmp(environment, CONF_VARIABLE, strlen(CONF_VARIABLE)) != 0)
        return -ENOENT;
    return read_conf(environment + strlen(CONF_VARIABLE), ret) == 0 ? 0 : -EINVAL;
}

/* ------------------------------------------------------------------------------------------------ copying */

static int copy_bytes(int from, int to)
{
    uint8_t block[16384];
    ssize_t len;
    size_t total = 0;

    while ((len = read(from, block, sizeof(block))) > 0) {
        total += (size_t)len;
        if (total > COPY_MAX)
            return -EFBIG;
        if (write(to, block, (size_t)len) != len)
            return -EIO;
    }
    if (len < 0)
        return -errno;
    return fsync(to) < 0 ? -errno : 0;
}

/* Whole or not at all: written beside, then renamed. What is in the file is encrypted by SoftHSM. */
static int copy_file(const struct folder *from, const struct folder *to, const char *name)
{
    CLEANUP(close_file) int source = openat(from->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(close_file) int target = -1;
    int r;

    if (source < 0)
        return -errno;
    target = openat(to->fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (target < 0)
        return -errno;
    r = copy_bytes(source, target);
    if (r < 0)
        return r;
    return renameat(to->fd, TEMPORARY, to->fd, name) < 0 ? -errno : 0;
}

static int copy_objects(const struct folder *from, const struct folder *to)
{
    struct dirent *entry;
    int r = 0;

    rewinddir(from->stream);
    while (r == 0 && (entry = readdir(from->stream)))
        if (ends_with(entry->d_name, OBJECT_SUFFIX))
            r = copy_file(from, to, entry->d_name);
    if (r == 0 && fsync(to->fd) < 0)
        r = -errno;
    return r;
}

/* ------------------------------------------------------------------------------------------------- backups */

/* DIR-backup, made when it is not there. */
static int open_backups(const char *dir, struct folder *ret)
{
    CLEANUP(free_string) char *path = NULL;
    size_t len = strlen(dir);

    while (len > 1 && dir[len - 1] == '/')
        len--;
    if (asprintf(&path, "%.*s" BACKUP_SUFFIX, (int)len, dir) < 0)
        return -ENOMEM;
    return folder_make(AT_FDCWD, path, ret);
}

/* A token's own folder in DIR. */
static int open_token(const char *dir, const char *serial, struct folder *ret_dir,
                      char ret_name[UUID_LEN + 1], struct folder *ret)
{
    int r = folder_open(AT_FDCWD, dir, ret_dir);

    if (r == 0)
        r = find_token(ret_dir, serial, ret_name);
    if (r == 0)
        r = folder_open(ret_dir->fd, ret_name, ret);
    return r;
}

/* Without a backup there is nothing to give: SoftHSM passes over such a token, and the others work. */
static int repair_token(const struct folder *token, const char *dir, const char *name)
{
    CLEANUP(folder_close) struct folder backups = { 0 };
    CLEANUP(folder_close) struct folder backup = { 0 };
    char serial[SERIAL_LEN + 1];
    struct stat status;
    int r;

    if (fstatat(token->fd, TOKEN_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size > 0)
        return 0;
    serial_of(name, serial);
    r = open_backups(dir, &backups);
    if (r == 0)
        r = folder_open(backups.fd, serial, &backup);
    return r < 0 ? 0 : copy_file(&backup, token, TOKEN_FILE);
}

int token_directory_repair(const char *dir)
{
    CLEANUP(folder_close) struct folder folder = { 0 };
    struct dirent *entry;
    int r = folder_open(AT_FDCWD, dir, &folder);

    while (r == 0 && (entry = readdir(folder.stream))) {
        CLEANUP(folder_close) struct folder token = { 0 };

        if (!is_token(entry->d_name))
            continue;
        r = folder_open(folder.fd, entry->d_name, &token);
        if (r == 0)
            r = repair_token(&token, dir, entry->d_name);
    }
    return r;
}

/* With all that is in it; not being there is fine. */
static int remove_folder(int parent, const char *name)
{
    CLEANUP(folder_close) struct folder folder = { 0 };
    struct dirent *entry;
    int r = folder_open(parent, name, &folder);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    while (r == 0 && (entry = readdir(folder.stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(folder.fd, entry->d_name, 0) < 0)
            r = -errno;
    if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

/* At no moment is there no backup. */
static int put_in_place(const struct folder *backups, const char *new_name, const char *name)
{
    if (renameat2(backups->fd, new_name, backups->fd, name, RENAME_EXCHANGE) == 0)
        return remove_folder(backups->fd, new_name);
    if (errno != ENOENT || renameat(backups->fd, new_name, backups->fd, name) < 0)
        return -errno;
    return 0;
}

int token_directory_backup(const char *dir, const char *serial)
{
    CLEANUP(folder_close) struct folder folder = { 0 };
    CLEANUP(folder_close) struct folder token = { 0 };
    CLEANUP(folder_close) struct folder backups = { 0 };
    CLEANUP(folder_close) struct folder backup = { 0 };
    char name[UUID_LEN + 1], new_name[SERIAL_LEN + sizeof(NEW_SUFFIX)];
    int r = open_token(dir, serial, &folder, name, &token);

    snprintf(new_name, sizeof(new_name), "%s" NEW_SUFFIX, serial);
    if (r == 0)
        r = open_backups(dir, &backups);
    if (r == 0)
        r = remove_folder(backups.fd, new_name); /* of a process that died */
    if (r == 0)
        r = folder_make(backups.fd, new_name, &backup);
    if (r == 0)
        r = copy_objects(&token, &backup);
    if (r == 0)
        r = put_in_place(&backups, new_name, serial);
    if (r == 0 && fsync(backups.fd) < 0)
        r = -errno;
    return r;
}

int token_directory_swap(const char *dir, const char *serial)
{
    CLEANUP(folder_close) struct folder folder = { 0 };
    CLEANUP(folder_close) struct folder token = { 0 };
    CLEANUP(folder_close) struct folder backups = { 0 };
    CLEANUP(folder_close) struct folder backup = { 0 };
    char name[UUID_LEN + 1];
    int r = open_token(dir, serial, &folder, name, &token);

    if (r == 0)
        r = open_backups(dir, &backups);
    if (r == 0)
        r = folder_open(backups.fd, serial, &backup);
    if (r == 0 && renameat2(token.fd, TOKEN_FILE, backup.fd, TOKEN_FILE, RENAME_EXCHANGE) < 0)
        r = -errno;
    return r;
}

int token_directory_remove(const char *dir, const char *serial)
{
    CLEANUP(folder_close) struct folder folder = { 0 };
    CLEANUP(folder_close) struct folder token = { 0 };
    CLEANUP(folder_close) struct folder backups = { 0 };
    char name[UUID_LEN + 1];
    int r = open_token(dir, serial, &folder, name, &token);

    if (r == 0)
        r = open_backups(dir, &backups);
    if (r == 0)
        r = remove_folder(backups.fd, serial);
    return r == 0 ? remove_folder(folder.fd, name) : r;
}
