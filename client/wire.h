/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - one HTTP/2 connection to one endpoint, for any number of calls at once (nghttp2).
 *
 * There is no thread behind it. Whoever calls writes the request himself, and with it what others say while the kernel
 * is busy with the write. One of those who wait leads: it alone waits for the socket, takes in what arrives for all of
 * them, and hands over when its own answer is there. Before it waits it lets those run whom it has just answered, and
 * sends their next calls together: one write and one record for all of them, and as few for the server to read.
 *
 * A server whose machine is gone, or that is frozen, sends no end. So who waits and hears nothing for a second sends a
 * PING, which the other side's HTTP/2 answers whatever its signers are doing; no answer to that ends the connection.
 *
 * Source:  RFC 9113 5.1 (Stream States), 6.7 (PING), 6.8 (GOAWAY), 8.7 (Request Reliability in HTTP/2).
 * Threads: any, on one wire. wire->lock guards what is said so; nobody waits for the network with it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <nghttp2/nghttp2.h>
#include <openssl/types.h>

#include "client/credentials.h"
#include "client/descriptors.h"
#include "client/grpc.h"
#include "include/bytes.h"

struct wire_call;
struct wire_seat;

#define WIRE_WAKES_MOST 32

/* Whom to call once the lock is free. */
struct wire_wakes {
    struct wire_seat *seats[WIRE_WAKES_MOST];
    size_t count;
};

struct wire {
    atomic_uint references;
    struct credentials *credentials; /* those it was made with */
    struct descriptors *descriptors;
    int fd;
    int64_t made_ms; /* clock_boot_ms() */

    pthread_mutex_t lock;
    SSL *ssl; /* guarded by lock, as the rest */
    nghttp2_session *session;
    struct buffer framed;  /* by nghttp2, not yet under TLS */
    struct buffer sealed;  /* by OpenSSL, not yet for the kernel */
    struct buffer sending; /* the writer's: what the kernel has not taken yet, beyond @sent */
    size_t sent;
    bool is_writing;                /* somebody is at it, without the lock */
    struct wire_call *first, *last; /* on their way */
    struct wire_seat *seats;        /* all there are; they stay until the wire goes */
    struct wire_wakes wakes;
    struct wire_call *appointed; /* was called to lead, and has not come yet */
    bool has_leader;
    unsigned expected;            /* were answered a moment ago, and are not back with another call */
    int64_t gathers_until_ms;     /* clock_boot_ms(): the leader steps aside for those; 0: it does not */
    atomic_bool is_broken;        /* nothing comes back any more; written under lock, as the next two */
    atomic_bool is_closing;       /* takes no new calls: GOAWAY */
    _Atomic(int64_t) used_ms;     /* clock_boot_ms(): when something last arrived */
    bool is_silent;               /* broken because nothing came */
    bool is_asked;                /* a PING is out, since @asked_ms */
    int64_t asked_ms, awaited_ms; /* clock_boot_ms(); awaited: since the first of these calls */
};

/*
 * Where to: @addresses and @port as dial() wants them; @host is who the server must be.
 */
struct wire_target {
    const char *addresses, *host, *port;
};

/* @why: a sentence where errno's does not say it, else NULL; static. Errors: those of dial() and tls_connect(). */
MUST_CHECK int wire_new(struct credentials *credentials, struct descriptors *descriptors,
                        const struct wire_target *target, int64_t deadline_ms, struct wire **ret,
                        const char **why);
struct wire *wire_ref(struct wire *wire);
/* The last one says goodbye and closes. */
void wire_unref(struct wire *wire);
DEFINE_CLEANUP(wire_unref, struct wire *);

/* Whether a new call may use it. Looks, without waiting, whether the server has said goodbye meanwhile. */
bool wire_is_good(struct wire *wire);
/* How long nothing has come from it, although nothing is the matter: a doubt grows with it. */
int64_t wire_idle_ms(const struct wire *wire);
/* Gives it up: everybody's calls on it end. */
void wire_break(struct wire *wire);

enum wire_end {
    WIRE_ANSWERED,  /* the stream ended: grpc_answer_finish() tells how */
    WIRE_EXPIRED,   /* the deadline passed */
    WIRE_TOO_LARGE, /* the answer is larger than it may be */
    WIRE_REFUSED,   /* surely not processed: it may be sent again. RFC 9113 8.7 */
    WIRE_CUT_OFF,   /* the stream or the connection ended before the answer did */
    WIRE_SILENT,    /* nothing came, not even the answer to a PING: the server may have the request */
    WIRE_ENDS
};

struct wire_request {
    const char *authority, *path;
    struct bytes message; /* lent until the call is over */
    int64_t deadline_ms;
    const char *traceparent; /* NULL: the application is in no trace */
};

/* @ret_was_sent: the server may have the request. Out of memory is WIRE_CUT_OFF. */
enum wire_end wire_call(struct wire *wire, const struct wire_request *request, struct grpc_answer *answer,
                        bool *ret_was_sent);
