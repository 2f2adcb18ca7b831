/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.h - the sockets clients connect to: bound by the supervisor, or given by systemd (sd_listen_fds(3)). */
#pragma once

#include <stddef.h>

#include "include/cleanup.h"
#include "proxy/config.h"

/* What is served on a socket. */
enum socket_purpose {
    SOCKET_SERVE,     /* clients with a certificate: everything but enrolment */
    SOCKET_ENROLMENT, /* clients without: enrolment and nothing else */
    SOCKET_PURPOSES
};

#define SOCKETS_MAX (SOCKET_PURPOSES * LISTEN_MAX)

struct sockets {
    int fd[SOCKETS_MAX];
    enum socket_purpose purpose[SOCKETS_MAX];
    size_t count;
    int http;    /* [ca] listen; -1: none */
    int metrics; /* [metrics] listen; -1: none */
};

/*
 * Those of systemd; for a purpose of which it gave none, those of [server] and [enrolment] listen. Logs each address. A
 * socket unit says FileDescriptorName=enrolment of one that is for that. systemd.socket(5)
 * Errors: -EINVAL, -errno; @why: a sentence, caller frees.
 */
MUST_CHECK int sockets_open(const struct proxy_config *config, struct sockets *ret, char **why);
void sockets_close(struct sockets *sockets);
/* Is every address of the configuration one? Errors and @why as above. */
MUST_CHECK int sockets_check(const struct proxy_config *config, char **why);
