/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.h - the client's side of gRPC's framing: what goes before a message, and what comes back around one.
 *
 * Source: grpc/doc/PROTOCOL-HTTP2.md (Requests, Responses), RFC 4648 4 (base64), RFC 3986 2.1 (percent-encoding).
 */
#pragma once

#include <stdbool.h>

#include "client/channel.h"
#include "include/bytes.h"

#define GRPC_PREFIX_LEN 5 /* compressed flag, length */

/* The answer as it arrives: headers and trailers alike, then the body. Clear with grpc_answer_clear(). */
struct grpc_answer {
    unsigned http_status;
    bool is_grpc;    /* content-type: application/grpc... */
    bool has_status; /* grpc-status was there */
    enum grpc_status status;
    struct buffer body;                  /* prefix and message; its limit is the method's reply_max */
    struct buffer details;               /* grpc-status-details-bin, as it stands in the header */
    char message[256];                   /* grpc-message, decoded */
    char request_id[REQUEST_ID_LEN + 1]; /* x-request-id, if it is one; "": none came */
};

void grpc_answer_init(struct grpc_answer *answer, size_t reply_max);
void grpc_answer_clear(struct grpc_answer *answer);
DEFINE_CLEAR(grpc_answer_clear, struct grpc_answer);
/* One header or trailer. What it does not know it skips. */
void grpc_answer_header(struct grpc_answer *answer, struct bytes name, struct bytes value);
/* Whatever arrived, as a reply, which takes the message. */
void grpc_answer_finish(struct grpc_answer *answer, struct channel_reply *ret);

/* What goes before a message of @len bytes. */
void grpc_prefix(size_t len, uint8_t ret[GRPC_PREFIX_LEN]);
/* Appends the bytes that @text encodes; padding may be left out. Errors: -EBADMSG, -ENOMEM. */
MUST_CHECK int grpc_base64_decode(struct bytes text, struct buffer *ret);
