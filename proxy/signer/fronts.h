/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fronts.h - the fronts that a signer serves: one, and for a while its predecessor, which answers what it has begun
 * while its successor takes new connections already.
 *
 * A third is never needed: its coming closes the oldest.
 */
#pragma once

#include "proxy/signer/frames.h"

#define FRONTS_MAX 2

struct fronts {
    struct frames streams[FRONTS_MAX]; /* the newest first */
};

#define FRONTS_NONE ((struct fronts){ { FRAMES_NONE, FRAMES_NONE } })
#define EACH_FRONT(stream, fronts)                                                                           \
    stream = (fronts)->streams;                                                                              \
    stream < (fronts)->streams + FRONTS_MAX;                                                                 \
    stream++

/* Takes @fd, a connected stream socket. */
void fronts_take(struct fronts *fronts, int fd);
void fronts_clear(struct fronts *fronts);
/* Tells them to send no more. Each closes its side once it has sent what it had begun to send. */
void fronts_say_goodbye(struct fronts *fronts);
bool fronts_are_gone(const struct fronts *fronts);
