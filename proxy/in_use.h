/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_use.h - whether daemons of this machine run on a deployment, and which: each supervisor holds a shared flock(2) on the
 * state directory and one on a file there that says who it is; the kernel lets go of both however it ends. Other machines'
 * daemons are not seen.
 */
#pragma once

#include <sys/types.h>

#include "proxy/config.h"

#define IN_USE_STORE_LEN 65 /* SHA-256 in hexadecimal digits, and an end */
#define IN_USE_MAX       8  /* daemons on one state directory */

/* For a daemon, until @ret is closed. Errors: -EBUSY (somebody claims it), -errno. */
MUST_CHECK int in_use_share(const struct proxy_config *config, int *ret);
/* For who needs that no daemon runs, until @ret is closed. Errors: -EBUSY (one does), -errno. */
MUST_CHECK int in_use_claim(const struct proxy_config *config, int *ret);

/* A daemon that runs here. */
struct in_use_daemon {
    pid_t pid;
    char store[IN_USE_STORE_LEN]; /* which store it knows, and which successor: in_use_store() */
};
/* For a daemon: says who it is, until @ret is closed. The state directory is the working directory. Errors: -errno. */
MUST_CHECK int in_use_announce(const struct proxy_config *config, int *ret);
/* Those that have announced themselves. The working directory as above. Errors: -errno. */
MUST_CHECK int in_use_daemons(struct in_use_daemon ret[IN_USE_MAX], size_t *ret_count);
/* The word for two URLs, which may hold passwords; @successor may be NULL. Errors: -errno. */
MUST_CHECK int in_use_store(const char *url, const char *successor, char ret[IN_USE_STORE_LEN]);
