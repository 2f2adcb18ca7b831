/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_frame.h - the small syntaxes of gRPC over HTTP/2: message prefix, timeout, message and binary metadata.
 *
 * Source: grpc/doc/PROTOCOL-HTTP2.md (Requests, Responses). Pure functions of bytes.
 */
#pragma once

#include "include/bytes.h"

#define GRPC_PREFIX_LEN 5 /* compressed-flag (1), message-length (4, big-endian) */

/*
 * Finds the one uncompressed message that a whole request body is.
 * Errors: -EBADMSG (half a prefix, half a message, or more than one), -EOPNOTSUPP (compressed).
 */
MUST_CHECK int grpc_frame_open(struct bytes body, struct bytes *ret);
/* Appends prefix and message. */
void grpc_frame_append(struct buffer *buffer, struct bytes message);
/* "250m" to milliseconds, rounded up. Errors: -EINVAL. */
MUST_CHECK int grpc_timeout_parse(const char *text, uint64_t *ret_ms);
/* grpc-message: printable ASCII stays, the rest and '%' become %XX. */
void grpc_message_append(struct buffer *buffer, const char *message);
/* A "-bin" header: RFC 4648 4 (base64), padded. */
void grpc_binary_append(struct buffer *buffer, struct bytes value);
