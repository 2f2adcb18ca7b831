/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - one client's connection: TLS below, HTTP/2 above, and the times it may take.
 *
 * A connection opens (TLS, then HTTP/2's preface and SETTINGS) within handshake_ms. Without a stream it lives idle_ms;
 * bytes that open no stream, such as PING, do not prolong it. Whatever breaks the protocol costs the connection.
 *
 * Whatever happens to a connection, it lives until the end of the round: so callbacks of TLS, of HTTP/2 and of time
 * may answer, refuse and cut without a thought for who called them.
 * Source: RFC 9113 (HTTP/2).
 */
#pragma once

#include <sys/socket.h>

#include "proto/limits.h"
#include "proxy/front/context.h"
#include "proxy/front/route.h"
#include "proxy/front/tls_stream.h"

struct stream;

struct connection {
    struct front *front;
    LIST_ENTRY(connection) entry;
    struct tls_stream tls;
    nghttp2_session *session; /* NULL until TLS is done */
    struct deadline deadline; /* of opening, then of being idle, then of taking leave */
    struct round_task flushing;
    LIST_HEAD(, stream) streams;
    unsigned stream_count, watch_count;
    size_t reply_bytes;  /* of answers not yet sent */
    struct share *share; /* with other connections of the same client; NULL until TLS is done */
    uint64_t address;
    bool is_anonymous; /* from the enrolment listener: there is no certificate */
    uint8_t certificate_hash[HASH_LEN];
    char peer[PEER_MAX_LEN];
    uint64_t cancels; /* a bucket (rate.h) of calls the client may withdraw */
    bool is_open;     /* the client speaks HTTP/2 */
    bool is_leaving;  /* all is said; what still comes is ignored */
    bool is_cut;      /* freed at the end of the round */
};

/*
 * Takes over @socket, an accepted one, and lives by itself from now on.
 * Errors: -EUSERS (the address holds as many as it may), -EAGAIN (too many strangers, or too often), -ENOMEM; the
 * socket is closed.
 */
MUST_CHECK int connection_new(struct front *front, int socket, const struct sockaddr *peer,
                              bool is_anonymous);
void connection_free(struct connection *connection); /* at once: never from a callback of its own */
void connection_cut(struct connection *connection);  /* at the end of the round, without a word */

/* Writes what HTTP/2 has to say, at the end of the round. */
void connection_flush(struct connection *connection);
/* Says that no further stream is welcome; then, in a second step, which was the last. */
void connection_announce_end(struct connection *connection);
void connection_end(struct connection *connection);

/* The client's SETTINGS came: it speaks HTTP/2. */
void connection_opened(struct connection *connection);
/* The client withdrew a call before its answer: too many of those cost the connection. */
void connection_cancelled(struct connection *connection);
/* A stream began or ended: an idle connection is one without. */
void connection_stream_began(struct connection *connection);
void connection_stream_ended(struct connection *connection);
