/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - forking a child of the supervisor and taking from it whatever it does not need.
 *
 * A child has standard error, the descriptors it was given and nothing else; no core dumps, no new privileges, umask
 * 077; its own user when the supervisor is root; and it dies with the supervisor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/cleanup.h"
#include "include/log.h"

struct identity {
    uid_t uid;
    gid_t gid;
};

/* @user: a name, or a numeric uid, which needs no passwd entry. Errors: -ENOENT, -EPERM (it is root). */
MUST_CHECK int identity_resolve(const char *user, struct identity *ret);

#define CHILD_KEEP_MAX 4

struct child_plan {
    const char *speaker; /* in the log: "front", "signer 0" */
    enum log_level log_level;
    const struct identity *identity; /* NULL: whoever we are */
    bool is_jailed;             /* its root is an empty directory that nobody can fill; only root can do so */
    uint64_t descriptors;       /* how many it may open; 0: as many as we */
    int keep[CHILD_KEEP_MAX];   /* descriptors it gets; unused: -1 */
    int (*run)(void *argument); /* returns its exit status */
    void *argument;
};

/* Returns the child's process id, or -errno. */
MUST_CHECK pid_t child_fork(const struct child_plan *plan);
