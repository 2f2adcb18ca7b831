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
/* As if it had never come: the client may ask again, here or elsewhere. RFC 9113 8.7 (Request Reliability). */
void answer_refuse(struct stream *stream);
/* GRPC_OK and @message; REASON_BUSY if the client leaves too many answers lying about. */
void answer_message(struct stream *stream, struct bytes message);
/* GRPC_OK, and messages that @read fetches when there are any; in no time in particular. */
void answer_stream(struct stream *stream, nghttp2_data_source_read_callback read);
/* For such a callback: what of stream->reply goes next, and how it all ends. */
size_t answer_piece(struct stream *stream, uint8_t *target, size_t size);
MUST_CHECK int answer_trailers(nghttp2_session *session, int32_t id, enum grpc_status status);
