/* SPDX-License-Identifier: Apache-2.0 */
/* directories.c - owners and modes of the state directory. */
#include "proxy/provision/directories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DIRECTORIES 8 /* nftw's */

DEFINE_CLEANUP(closedir, DIR *);

int owners_find(const char *user, struct owners *ret)
{
    const struct passwd *entry;
    char *end;
    unsigned long number;

    *ret = (struct owners){ .is_root = geteuid() == 0, .signer_uid = geteuid(), .signer_gid = getegid() };
    if (!user || !ret->is_root)
        return 0;
    number = strtoul(user, &end, 10);
    if (*user && !*end && number <= UINT_MAX - 1) {
        ret->signer_uid = (uid_t)number;
        ret->signer_gid = (gid_t)number;
        return 0;
    }
    entry = getpwnam(user);
    if (!entry)
        return -ENOENT;
    ret->signer_uid = entry->pw_uid;
    ret->signer_gid = entry->pw_gid;
    return 0;
}

int directory_for_signers(const char *path, const struct owners *owners)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (chmod(path, 0700) < 0)
        return -errno;
    if (owners->is_root && chown(path, owners->signer_uid, owners->signer_gid) < 0)
        return -errno;
    return 0;
}

/*
 * nftw() takes no argument, so a walk keeps what it needs here. This process is single-threaded, runs one verb and
 * ends.
 */
static const struct owners *walk_owners;

static int set_read_only(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    bool is_directory = kind == FTW_D || kind == FTW_DP;
    mode_t mode = walk_owners->is_root ? (is_directory ? 0750 : 0640) : (is_directory ? 0500 : 0400);

    (void)info, (void)place;
    if (walk_owners->is_root && lchown(path, 0, walk_owners->signer_gid) < 0)
        return -1;
    return chmod(path, mode);
}

static int set_owner(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return walk_owners->is_root ? lchown(path, walk_owners->signer_uid, walk_owners->signer_gid) : 0;
}

static int walk(const char *path, const struct owners *owners,
                int visit(const char *, const struct stat *, int, struct FTW *))
{
    walk_owners = owners;
    return nftw(path, visit, OPEN_DIRECTORIES, FTW_PHYS | FTW_DEPTH) == 0 ? 0 : -(errno ? errno : EIO);
}

int directory_read_only(const char *path, const struct owners *owners)
{
    return walk(path, owners, set_read_only);
}

int directory_give(const char *path, const struct owners *owners)
{
    return walk(path, owners, set_owner);
}

static int copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out, r = 0;
    ssize_t copied = 1;

    if (in < 0)
        return -errno;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        r = -errno;
    while (r == 0 && copied > 0) {
        copied = sendfile(out, in, NULL, 1 << 20);
        r = copied < 0 ? -errno : 0;
    }
    if (r == 0 && fsync(out) < 0)
        r = -errno;
    if (out >= 0)
        close(out);
    close(in);
    return r;
}

/* Calls @copy for every entry of @from that is not hidden. */
static int copy_entries(const char *from, const char *to, int copy(const char *, const char *))
{
    CLEANUP(closedir) DIR *directory = opendir(from);
    const struct dirent *entry;
    int r = 0;

    if (!directory)
        return -errno;
    while (r == 0 && (entry = readdir(directory))) {
        char source[PATH_MAX], target[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(source, sizeof(source), "%s/%s", from, entry->d_name) >= PATH_MAX ||
            snprintf(target, sizeof(target), "%s/%s", to, entry->d_name) >= PATH_MAX)
            return -ENAMETOOLONG;
        r = copy(source, target);
    }
    return r;
}

static int copy_folder(const char *from, const char *to)
{
    if (mkdir(to, 0700) < 0)
        return -errno;
    return copy_entries(from, to, copy_file);
}

int directory_copy(const char *from, const char *to)
{
    return copy_entries(from, to, copy_folder);
}

static int move_entry(const char *from, const char *to)
{
    return rename(from, to) < 0 ? -errno : 0;
}

int directory_move(const char *from, const char *to, const struct owners *owners)
{
    int r = directory_give(from, owners);

    if (r == 0)
        r = directory_for_signers(to, owners);
    if (r == 0)
        r = copy_entries(from, to, move_entry);
    return r == 0 && rmdir(from) < 0 ? -errno : r;
}

/* Over what is there: a reader finds the old file or the new one. */
static int replace_file(const char *from, const char *to)
{
    char fresh[PATH_MAX];
    int r;

    if (snprintf(fresh, sizeof(fresh), "%s.new", to) >= PATH_MAX)
        return -ENAMETOOLONG;
    unlink(fresh);
    r = copy_file(from, fresh);
    if (r < 0)
        return r;
    return rename(fresh, to) < 0 ? -errno : 0;
}

/* @copy is what is there, @original what should be. */
static int remove_if_gone(const char *copy, const char *original)
{
    if (access(original, F_OK) == 0 || errno != ENOENT)
        return 0;
    return unlink(copy) < 0 ? -errno : 0;
}

static int follow_folder(const char *from, const char *to)
{
    int r = copy_entries(from, to, replace_file);

    return r == 0 ? copy_entries(to, from, remove_if_gone) : r;
}

int directory_follow(const char *from, const char *to, const struct owners *owners)
{
    CLEANUP(closedir) DIR *directory = opendir(from);
    const struct dirent *entry;
    int r = copy_entries(from, to, follow_folder);

    while (r == 0 && directory && (entry = readdir(directory))) {
        char copy[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(copy, sizeof(copy), "%s/%s", to, entry->d_name) >= PATH_MAX)
            return -ENAMETOOLONG;
        r = directory_read_only(copy, owners);
    }
    return r;
}
