/* SPDX-License-Identifier: Apache-2.0 */
/* device_secret.c - read and written without a copy outside of locked memory. */
#include "client/device_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "proto/limits.h"

int device_secret_load(const char *path, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *content = NULL;
    CLEANUP(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;
    int r = fd < 0 ? -errno
                   : secret_new(DEVICE_SECRET_LEN + 1, &content); /* one more, to see that there is none */

    if (r < 0)
        return r;
    len = read(fd, content->data, content->len);
    if (len != DEVICE_SECRET_LEN)
        return len < 0 ? -errno : -EBADMSG;
    return secret_copy(BYTES(content->data, DEVICE_SECRET_LEN), ret);
}

int device_secret_save(const char *path, const struct secret *secret)
{
    CLEANUP(descriptor_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    errno = 0;
    if (write(fd, secret->data, secret->len) == (ssize_t)secret->len && fsync(fd) == 0)
        return 0;
    r = errno ? -errno : -EIO;
    unlink(path);
    return r;
}

int device_secret_make(const char *path, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *content = NULL;
    int r = secret_random(DEVICE_SECRET_LEN, &content);

    if (r == 0)
        r = device_secret_save(path, content);
    if (r == 0)
        *ret = TAKE(content);
    return r;
}
