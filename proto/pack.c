/* SPDX-License-Identifier: Apache-2.0 */
/* pack.c - protobuf-c's output buffer, made of ours. */
#include "proto/pack.h"

#include <errno.h>

struct pack_buffer {
    ProtobufCBuffer base; /* first: protobuf-c hands this back to us */
    struct buffer *buffer;
};

static void append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    buffer_append(((struct pack_buffer *)base)->buffer, BYTES(data, len));
}

int pack_append(const ProtobufCMessage *message, struct buffer *ret)
{
    struct pack_buffer target = { .base = { .append = append }, .buffer = ret };

    protobuf_c_message_pack_to_buffer(message, &target.base);
    return ret->failed ? -ENOMEM : 0;
}
