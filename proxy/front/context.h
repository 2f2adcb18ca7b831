/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.h - the state of the front: everything hangs from one struct front.
 *
 * The front is one thread around one event loop; nothing in it blocks and nothing in it takes a lock.
 */
#pragma once

#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <openssl/types.h>
#include <sys/queue.h>
#include <time.h>

#include "proxy/busy_poll.h"
#include "proxy/config.h"
#include "proxy/front/deadline.h"
#include "proxy/front/health_watch.h"
#include "proxy/front/pace.h"
#include "proxy/front/request_id.h"
#include "proxy/front/round.h"
#include "proxy/front/share.h"
#include "proxy/front/tls.h"
#include "proxy/metrics/metrics.h"

#define FLIGHT_MAX ((size_t)64 * 1024)      /* read from a socket at a time */
#define RECORD_MAX SSL3_RT_MAX_PLAIN_LENGTH /* plain bytes that TLS reads or writes at a time */

struct connection;
struct listener;
struct public_http;

struct front {
    const struct proxy_config *config; /* fixed after start */
    struct event_base *base;
    struct busy_poll busy;
    struct pace pace;
    struct round round;
    struct deadlines deadlines;
    uint8_t flight[FLIGHT_MAX]; /* what the socket that is being looked at has brought */
    uint8_t record[RECORD_MAX]; /* what the connection that is being looked at reads, or writes, as TLS */
    BIO_METHOD *tls_bio;
    struct request_ids request_ids;
    int control; /* to the supervisor */
    struct event *control_event;
    struct metrics_front *metrics; /* NULL: nobody asks */
    struct pulse *pulse;           /* NULL: nobody listens */
    struct event *pulse_event;
    SSL_CTX *tls[TLS_CLIENT_KINDS]; /* for connections to come; FRONT_CONTROL_TLS replaces them */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    struct public_http *public_http; /* NULL: nobody is served so */
    struct route *route;             /* to the signers */
    struct rate_table *rate;         /* requests by certificate; NULL: no limit */
    struct address_table *addresses; /* connections by address; NULL: no limit */
    struct strangers *strangers;     /* what clients without a certificate may */
    LIST_HEAD(, listener) listeners;
    LIST_HEAD(, connection) connections;
    unsigned connection_count;
    struct watches watches;
    struct shares shares; /* of the memory that calls take before a signer has them */
    struct event *drain_event;
    unsigned drain_step;
    bool is_ready;    /* the supervisor was told */
    bool is_draining; /* leaves when the last connection is gone */
    bool is_leaving;
    int status; /* of the process, from sysexits.h */
};

/* Into the numbers that everybody may read. */
void front_tell(const struct front *front);
static inline void front_count(const struct front *front, enum front_value what)
{
    if (front->metrics)
        metrics_add(&front->metrics->values[what], 1);
}
/* Leaves with @status at the end of the round. */
void front_leave(struct front *front, int status);
/* A connection is gone: the last one of a draining front ends it. */
void front_connection_gone(struct front *front);

static inline uint64_t front_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t front_now_ms(void)
{
    return front_now_ns() / 1000000;
}

static inline struct timeval front_timeval(uint64_t ms)
{
    return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}
