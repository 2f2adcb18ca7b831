/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_use.c - a lock on the state directory, which stays the same file when the configuration is edited; and
 * "daemon.PID" in it, which counts while it is locked.
 */
#include "proxy/in_use.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "proto/digest.h"

#define FILE_NAME "daemon."

static int take(const struct proxy_config *config, int operation, int *ret)
{
    CLEANUP(descriptor_close) int fd = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flock(fd, operation | LOCK_NB))
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    *ret = TAKE_DESCRIPTOR(fd);
    return 0;
}

int in_use_share(const struct proxy_config *config, int *ret)
{
    return take(config, LOCK_SH, ret);
}

int in_use_claim(const struct proxy_config *config, int *ret)
{
    return take(config, LOCK_EX, ret);
}

int in_use_store(const char *url, const char *successor, char ret[IN_USE_STORE_LEN])
{
    CLEANUP(buffer_clear) struct buffer text = { 0 };
    uint8_t hash[HASH_LEN];
    int r;

    buffer_append_text(&text, url);
    buffer_append_u8(&text, '\n');
    buffer_append_text(&text, successor ? successor : "");
    r = text.failed ? -ENOMEM : digest_sha256(NULL, buffer_bytes(&text), hash);
    if (r == 0)
        hex_encode(BYTES_OF_ARRAY(hash), ret);
    return r;
}

int in_use_announce(const struct proxy_config *config, int *ret)
{
    CLEANUP(descriptor_close) int fd = -1;
    char name[32], store[IN_USE_STORE_LEN];
    int r = in_use_store(config->store, config->store_successor, store);

    if (r < 0)
        return r;
    snprintf(name, sizeof(name), FILE_NAME "%d", (int)getpid());
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || pwrite(fd, store, sizeof(store), 0) != sizeof(store))
        return errno ? -errno : -EIO;
    *ret = TAKE_DESCRIPTOR(fd);
    return 0;
}

/* False: whoever it names is gone. */
static bool read_daemon(const char *name, struct in_use_daemon *ret)
{
    CLEANUP(descriptor_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    *ret = (struct in_use_daemon){ 0 };
    if (fd < 0 || sscanf(name, FILE_NAME "%d", &ret->pid) != 1 || flock(fd, LOCK_SH | LOCK_NB) == 0 ||
        errno != EWOULDBLOCK)
        return false;
    if (pread(fd, ret->store, sizeof(ret->store), 0) != sizeof(ret->store))
        ret->store[0] = '\0'; /* it is about to say */
    ret->store[sizeof(ret->store) - 1] = '\0';
    return true;
}

int in_use_daemons(struct in_use_daemon ret[IN_USE_MAX], size_t *ret_count)
{
    glob_t found = { 0 };
    int r = glob(FILE_NAME "[0-9]*", 0, NULL, &found);

    *ret_count = 0;
    for (size_t i = 0; r == 0 && i < found.gl_pathc && *ret_count < IN_USE_MAX; i++)
        *ret_count += read_daemon(found.gl_pathv[i], &ret[*ret_count]);
    globfree(&found);
    return r == 0 || r == GLOB_NOMATCH ? 0 : -EIO;
}
