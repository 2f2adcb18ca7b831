/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_watch.h - grpc.health.v1.Health/Watch: the status at once, and each that follows, until the caller or the
 * front leaves.
 *
 * A watcher is a stream without an end, so there are few on a connection and in all, they wait without a timer, and what one
 * does not read is not heaped up: it is told the status of the moment when it reads again. TCP itself asks whether a caller
 * that has nothing to say is still there.
 * Source: grpc/doc/health-checking.md.
 */
#pragma once

#include "include/bytes.h"
#include "proxy/front/health.h"
#include "proxy/front/round.h"

#define WATCHES_OF_CONNECTION 8
#define WATCHES_MAX           1000

struct front;
struct stream;

/* Part of a stream. */
struct watch {
    LIST_ENTRY(stream) entry;
    enum health_status told; /* HEALTH_NONE: nothing yet */
    bool is_on, is_known;
};

/* Part of the front. */
struct watches {
    LIST_HEAD(, stream) streams;
    unsigned count;
    struct round_task telling;
};

void watches_init(struct front *front);
/* The front may serve now, or serve no more, or leave: whom it concerns is told at the end of the round. */
void watches_tell(struct front *front);

/* Answers @stream from now on. */
void watch_begin(struct stream *stream, struct bytes question);
void watch_end(struct stream *stream); /* the stream is going; it need not watch */
