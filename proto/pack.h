/* SPDX-License-Identifier: Apache-2.0 */
/* pack.h - protobuf messages of public content into a struct buffer. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "include/bytes.h"

/* Appends @message, serialized. Errors: -ENOMEM (also: over the buffer's limit). */
MUST_CHECK int pack_append(const ProtobufCMessage *message, struct buffer *ret);

/* A bytes field that borrows: for packing only, never for protobuf_c_message_free_unpacked(). */
static inline ProtobufCBinaryData pack_borrow(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)bytes.data };
}

/* The content of a bytes field, borrowed. */
static inline struct bytes pack_lend(const ProtobufCBinaryData *field)
{
    return BYTES(field->data, field->len);
}
