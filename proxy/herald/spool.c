/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c - files with twenty digits for a name; others are nobody's and stay. */
#include "proxy/herald/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proto/notice.h"

#define NAME_DIGITS 20

struct name {
    char text[NAME_DIGITS + 1];
};

static struct name name_of(uint64_t number)
{
    struct name name;

    snprintf(name.text, sizeof(name.text), "%0*" PRIu64, NAME_DIGITS, number);
    return name;
}

static int is_ours(const struct dirent *entry)
{
    return strlen(entry->d_name) == NAME_DIGITS && strspn(entry->d_name, "0123456789") == NAME_DIGITS;
}

int spool_open(const char *path, spool_visit *visit, void *argument, int *ret)
{
    CLEANUP(descriptor_close) int spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct dirent **entries = NULL;
    int count, r = 0;

    if (spool < 0)
        return -errno;
    count = scandirat(spool, ".", &entries, is_ours, alphasort);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = visit(argument, strtoull(entries[i]->d_name, NULL, 10));
        free(entries[i]);
    }
    free(entries);
    if (r < 0)
        return r;
    *ret = TAKE_DESCRIPTOR(spool);
    return 0;
}

int spool_write(int spool, uint64_t number, struct bytes message)
{
    struct name name = name_of(number);
    CLEANUP(descriptor_close)
    int file = openat(spool, name.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t len;
    int r = 0;

    if (file < 0)
        return -errno;
    len = write(file, message.data, message.len);
    if (len < 0 || fdatasync(file) < 0)
        r = -errno;
    else if ((size_t)len != message.len)
        r = -ENOSPC;
    if (r < 0)
        spool_remove(spool, number);
    return r;
}

int spool_read(int spool, uint64_t number, struct secret **ret)
{
    struct name name = name_of(number);
    CLEANUP(descriptor_close) int file = openat(spool, name.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(secret_free) struct secret *message = NULL;
    ssize_t len;
    int r;

    if (file < 0)
        return -errno;
    r = secret_new(NOTICE_MAX + 1, &message);
    if (r < 0)
        return r;
    len = read(file, message->data, message->len);
    if (len < 0)
        return -errno;
    if (len > NOTICE_MAX)
        return -EFBIG;
    message->len = (size_t)len;
    *ret = TAKE(message);
    return 0;
}

void spool_remove(int spool, uint64_t number)
{
    struct name name = name_of(number);

    if (unlinkat(spool, name.text, 0) < 0 && errno != ENOENT)
        log_event_limited(LOG_LEVEL_ERROR, 10, "notice.spool", "file=%s why=\"%s\"", name.text,
                          strerror(errno));
}
