/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - the open sockets of a channel, so that a forked child can let go of them.
 *
 * No lock: a forked child reads the list, and a lock might be held for ever there.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "include/cleanup.h"

#define DESCRIPTORS_MAX 256 /* several addresses of one name are tried at once, so more than connections */

struct descriptors {
    atomic_int list[DESCRIPTORS_MAX]; /* -1: a free place */
};

void descriptors_init(struct descriptors *descriptors);
/* False: there is no room. */
MUST_CHECK bool descriptors_add(struct descriptors *descriptors, int fd);
/* Closes @fd, unless it is not in the list: then a forked child has let go of it, and the number may be another's. */
void descriptors_remove(struct descriptors *descriptors, int fd);
/* In a forked child: closes them all. Nothing is sent: the parent's connections go on. */
void descriptors_close(struct descriptors *descriptors);
