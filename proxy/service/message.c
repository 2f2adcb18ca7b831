/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - an allocator that remembers how much it gave, so that it can wipe all of it.
 */
#include "proxy/service/message.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

/* Stands before every block; as wide as malloc's own alignment, so that what follows is aligned too. */
struct block {
    alignas(max_align_t) size_t len;
    alignas(max_align_t) uint8_t data[];
};

static void *wiping_alloc(void *data, size_t len)
{
    struct block *block;

    (void)data;
    if (len > SIZE_MAX - sizeof(*block))
        return NULL;
    block = calloc(1, sizeof(*block) + len);
    if (!block)
        return NULL;
    block->len = len;
    return block->data;
}

static void wiping_free(void *data, void *pointer)
{
    struct block *block;

    (void)data;
    if (!pointer)
        return;
    block = (struct block *)((uint8_t *)pointer - offsetof(struct block, data));
    secret_wipe(block->data, block->len);
    free(block);
}

/* Not const only because protobuf-c takes it so; it writes nothing. */
ProtobufCAllocator message_allocator = { .alloc = wiping_alloc, .free = wiping_free };

void *message_alloc(size_t len)
{
    return wiping_alloc(NULL, len);
}

int message_new(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **ret)
{
    ProtobufCMessage *message = message_alloc(descriptor->sizeof_message);

    if (!message)
        return -ENOMEM;
    protobuf_c_message_init(descriptor, message);
    *ret = message;
    return 0;
}

int message_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes, ProtobufCMessage **ret)
{
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &message_allocator, bytes.len, bytes.data);

    if (!message)
        return -EBADMSG;
    *ret = message;
    return 0;
}

int message_pack(const ProtobufCMessage *message, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *packed = NULL;
    size_t len = protobuf_c_message_get_packed_size(message);
    int r = len ? secret_new(len, &packed) : secret_copy(BYTES_NONE, &packed);

    if (r < 0)
        return r;
    if (len)
        protobuf_c_message_pack(message, packed->data);
    *ret = TAKE(packed);
    return 0;
}

void message_free(ProtobufCMessage *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, &message_allocator);
}

int message_set_bytes(ProtobufCBinaryData *field, struct bytes bytes)
{
    uint8_t *copy = message_alloc(bytes.len);

    if (!copy)
        return -ENOMEM;
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    *field = (ProtobufCBinaryData){ .data = copy, .len = bytes.len };
    return 0;
}

int message_set_text(char **field, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = message_alloc(size);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, size);
    *field = copy;
    return 0;
}
