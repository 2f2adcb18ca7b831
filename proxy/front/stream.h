/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - one gRPC call on one HTTP/2 stream: headers, one message, one answer.
 *
 * Each phase has its time: headers and body handshake_ms, the signer the method's deadline (or the caller's, if that
 * is sooner), and an answer must be taken away piece by piece, handshake_ms for each.
 * Source: grpc/doc/PROTOCOL-HTTP2.md; RFC 9113 8.1 (HTTP Message Framing).
 */
#pragma once

#include "include/bytes.h"
#include "proto/method.h"
#include "proto/traceparent.h"
#include "proxy/front/connection.h"
#include "proxy/front/health_watch.h"

struct call;
struct health_method;

/* What a stream waits for. */
enum stream_phase {
    PHASE_HEADERS,
    PHASE_BODY,
    PHASE_SIGNER,
    PHASE_ANSWER,
    PHASES,
};

struct stream {
    struct connection *connection;
    LIST_ENTRY(stream) entry;
    int32_t id;
    enum stream_phase phase;
    struct deadline deadline; /* of the phase */
    uint64_t started_ms;
    char request_id[REQUEST_ID_LEN + 1];
    /* The request. */
    const struct method *method; /* NULL: none of ours */
    size_t request_max;
    uint64_t timeout_ms;
    char traceparent[TRACEPARENT_LEN + 1]; /* "": none, or none that is one */
    unsigned headers;
    size_t header_bytes;
    const struct health_method *health; /* NULL: none of those */
    bool is_post, is_grpc, has_bad_timeout;
    bool is_ended; /* all of it has come */
    struct buffer body;
    struct call *call;
    /* The answer. */
    struct buffer reply;
    size_t reply_sent;
    struct watch watch;
    int grpc_status;       /* for the log; -1: none was given */
    bool costs_connection; /* as soon as the answer is out */
};

/* Errors: -EBUSY (the client holds as much as it may), -ENOMEM. */
MUST_CHECK int stream_new(struct connection *connection, int32_t id, struct stream **ret);
void stream_free(struct stream *stream); /* cancels its call, and is the place where a call is logged */

/* What arrives, in this order. A request that is refused is answered at once; what still comes of it is ignored. */
void stream_header(struct stream *stream, const char *name, const char *value);
void stream_headers_end(struct stream *stream);
void stream_data(struct stream *stream, struct bytes data);
void stream_end(struct stream *stream);

/* The present phase ends @ms from now. */
void stream_set_deadline(struct stream *stream, uint64_t ms);
/* Was an answer given, whether or not it is on its way by now? */
bool stream_is_answered(const struct stream *stream);
/* The last frame of the answer was handed to TLS. */
void stream_answered(struct stream *stream);
