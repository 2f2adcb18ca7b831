/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.h - the sockets clients connect to: bound by the supervisor, or given by systemd (sd_listen_fds(3)). */
#pragma once

#include <stddef.h>

#include "include/cleanup.h"
#include "proxy/config.h"

struct sockets {
    int fd[LISTEN_MAX];
    size_t count;
    int http; /* [ca] listen; -1: none */
};

/*
 * Those of systemd if there are any, else those of [server] listen. Logs each address.
 * Errors: -EINVAL, -errno; @why: a sentence, caller frees.
 */
MUST_CHECK int sockets_open(const struct proxy_config *config, struct sockets *ret, char **why);
void sockets_close(struct sockets *sockets);
/* Is every address of the configuration one? Errors and @why as above. */
MUST_CHECK int sockets_check(const struct proxy_config *config, char **why);
