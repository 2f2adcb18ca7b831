/* SPDX-License-Identifier: Apache-2.0 */
/* in_use.c - a lock on the state directory, which stays the same file when the configuration is edited. */
#include "proxy/in_use.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "include/descriptor.h"

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
