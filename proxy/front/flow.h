/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h - a connected stream socket in the event loop.
 *
 * A wake-up reads once, into a buffer that all flows share. What is to be written is gathered and leaves with one call,
 * when the owner says so (at the end of the round); the loop is asked for leave to write only when the socket did not take
 * all. So an exchange of small messages costs one recv(), one send(), and nothing else.
 */
#pragma once

#include <event2/event_struct.h>

#include "include/bytes.h"
#include "proxy/front/context.h"

struct flow_ops {
    /* What has come, lent until this returns. */
    void (*received)(void *owner, struct bytes data);
    /* All is with the kernel; not asked of a flow that had nothing to write. */
    void (*written)(void *owner);
    /* The other side closed (@why is NULL), or is not to be reached any more. Once; the owner closes. */
    void (*ended)(void *owner, const char *why);
};

struct flow {
    int fd; /* -1: closed */
    const struct flow_ops *ops;
    void *owner;
    struct front *front;
    struct event readable, writable;
    struct buffer out;      /* to be written; holds no memory when all is */
    struct timeval stalled; /* a write that makes no progress for so long is the end; zero: nothing is */
    bool is_waiting;        /* for leave to write */
    bool is_ended;
};

#define FLOW_CLOSED ((struct flow){ .fd = -1 })

/* Takes over @fd. @flow: FLOW_CLOSED, with @stalled as it likes. Errors: -ENOMEM (the socket is closed). */
MUST_CHECK int flow_open(struct flow *flow, struct front *front, int fd, const struct flow_ops *ops,
                         void *owner);
void flow_close(struct flow *flow);
/* Sends what is in @out, as far as the socket takes it now and the rest when it can. */
void flow_flush(struct flow *flow);
