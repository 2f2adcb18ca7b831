/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.h - PINs, keys and whatever is made from them.
 *
 * A secret lives in pages for secrets alone: locked into memory as far as the process may (RLIMIT_MEMLOCK), kept out of
 * core dumps (MADV_DONTDUMP), zeroed in a forked child (MADV_WIPEONFORK); it is wiped over its whole capacity when freed.
 * secret_free() is the only way to let go. No log, error or metric function takes one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/bytes.h"
#include "include/cleanup.h"

#define SECRET_MAX                                                                                           \
    ((size_t)2 * 1024 * 1024) /* bytes; the largest: a decrypted message of the wire (FRAME_MAX) */

struct secret {
    uint8_t *data;
    size_t len;      /* bytes in use, <= capacity */
    size_t capacity; /* bytes reserved; all of them are wiped */
};

/* A zeroed secret of @len bytes (capacity = len). Errors: -ENOMEM, -EINVAL (len 0 or over SECRET_MAX). */
MUST_CHECK int secret_new(size_t len, struct secret **ret);
/* A secret holding a copy of @bytes (which the caller should wipe where it can). len 0 is allowed here. */
MUST_CHECK int secret_copy(struct bytes bytes, struct secret **ret);
/* @len random bytes from the operating system (getrandom). */
MUST_CHECK int secret_random(size_t len, struct secret **ret);
void secret_free(struct secret *secret);
DEFINE_CLEANUP(secret_free, struct secret *);

/* Lends the content. */
struct bytes secret_bytes(const struct secret *secret);
/* Constant time in the content, not in the length. */
MUST_CHECK bool secret_equal(struct bytes a, struct bytes b);
/* Overwrites memory that cannot live in a struct secret (a stack array, a library's buffer). */
void secret_wipe(void *memory, size_t len);
