/* SPDX-License-Identifier: Apache-2.0 */
/* context.c - labels and length-prefixed fields, in a buffer that remembers its first failure. */
#include "proto/context.h"

#include <errno.h>

#include "include/table.h"
#include "proto/digest.h"

struct context context_of(const char *label)
{
    struct context context = { 0 };

    context_text(&context, label);
    return context;
}

void context_clear(struct context *context)
{
    buffer_clear(&context->buffer);
}

void context_text(struct context *context, const char *text)
{
    context_bytes(context, bytes_of_text(text));
}

void context_bytes(struct context *context, struct bytes bytes)
{
    /* A buffer refuses what a length of four bytes could not say, long before it would have to. */
    buffer_append_u32(&context->buffer, (uint32_t)bytes.len);
    buffer_append(&context->buffer, bytes);
}

void context_number(struct context *context, uint64_t number)
{
    buffer_append_u32(&context->buffer, sizeof(number));
    buffer_append_u64(&context->buffer, number);
}

int context_end(const struct context *context, struct bytes *ret)
{
    if (context->buffer.failed)
        return -ENOMEM;
    *ret = buffer_bytes(&context->buffer);
    return 0;
}

int context_hash(struct context *context, struct bytes last, uint8_t ret[HASH_LEN])
{
    struct bytes parts[2] = { BYTES_NONE, last };
    int r;

    buffer_append_u32(&context->buffer, (uint32_t)last.len);
    r = context_end(context, &parts[0]);
    return r < 0 ? r : digest_sha256_parts(NULL, parts, ARRAY_SIZE(parts), ret);
}
