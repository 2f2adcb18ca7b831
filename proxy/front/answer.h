/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - the ways to answer a stream. The answer leaves at the end of the round.
 *
 * Source: grpc/doc/PROTOCOL-HTTP2.md (Responses).
 */
#pragma once

#include "proto/failure.h"
#include "proxy/front/stream.h"

/* To what is not gRPC at all: an HTTP status. */
void answer_http(struct stream *stream, const char *http_status);
/* A status and nothing else ("Trailers-Only"). @details: a google.rpc.Status, or empty. */
void answer_status(struct stream *stream, enum grpc_status status, const char *message, struct bytes details);
/* The front's own refusal, with a Failure without MAC in the details. */
void answer_reason(struct stream *stream, enum reason reason);
/* GRPC_OK and @message; REASON_BUSY if the client leaves too many answers lying about. */
void answer_message(struct stream *stream, struct bytes message);
