/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.h - the one way to say what a key, a MAC or a ciphertext is for.
 *
 * A context is a fixed label and fields, each (the label too) preceded by its length (4 bytes, big-endian), so that no
 * two different lists of fields give the same bytes. No bare concatenation stands anywhere else in the project.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/limits.h"

struct context {
    struct buffer buffer;
};

/* @label starts with "privyseal v1 ". Clear with context_clear() (or CLEANUP(context_clear)). */
struct context context_of(const char *label);
void context_clear(struct context *context);
DEFINE_CLEAR(context_clear, struct context);
void context_text(struct context *context, const char *text);
void context_bytes(struct context *context, struct bytes bytes);
void context_number(struct context *context, uint64_t number); /* a field of 8 bytes, big-endian */
/* Lends the bytes. Errors: -ENOMEM. */
MUST_CHECK int context_end(const struct context *context, struct bytes *ret);
/* SHA-256 of the context with @last as one more field, which is not copied. Errors: -ENOMEM, -EIO. */
MUST_CHECK int context_hash(struct context *context, struct bytes last, uint8_t ret[HASH_LEN]);
