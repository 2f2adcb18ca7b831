/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - protobuf messages in memory that is wiped before it is freed.
 *
 * Requests carry PIN-derived secrets, replies activation codes; protobuf-c alone only frees. Every message of the
 * signer is unpacked, filled and freed with this one allocator, so nobody has to know which of them are secret.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "include/bytes.h"
#include "include/cleanup.h"
#include "include/secret.h"
#include "proto/pack.h"

extern ProtobufCAllocator message_allocator;

/* Zeroed memory for a field of a message; NULL: out of memory. */
void *message_alloc(size_t len);
/* An empty message of @descriptor. Owner: the caller, message_free(). */
MUST_CHECK int message_new(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **ret);
/* Errors: -EBADMSG (malformed, or out of memory: protobuf-c does not say which). */
MUST_CHECK int message_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
                              ProtobufCMessage **ret);
MUST_CHECK int message_pack(const ProtobufCMessage *message, struct secret **ret);
void message_free(ProtobufCMessage *message);
DEFINE_CLEANUP(message_free, ProtobufCMessage *);

/* Set a field to a copy. Errors: -ENOMEM. */
MUST_CHECK int message_set_bytes(ProtobufCBinaryData *field, struct bytes bytes);
MUST_CHECK int message_set_text(char **field, const char *text);
