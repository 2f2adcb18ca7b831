/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h - a borrowed run of bytes, a growing buffer of public bytes, and text forms of both.
 *
 * Nothing here is for secrets: those live in struct secret (secret.h), which locks and wipes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/cleanup.h"

/* Borrowed: whoever made it owns the memory. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES(pointer, length) ((struct bytes){ (const uint8_t *)(pointer), (length) })
#define BYTES_OF_ARRAY(array)  ((struct bytes){ (const uint8_t *)(array), sizeof(array) })
#define BYTES_NONE             ((struct bytes){ NULL, 0 })
struct bytes bytes_of_text(const char *text); /* without its NUL; NULL is empty */

/* Same length and content. Not constant time: for public bytes only (CRYPTO_memcmp decides about secrets). */
bool bytes_equal(struct bytes a, struct bytes b);

/*
 * A growing buffer. Remembers its first failure: append freely, look at @failed once at the end.
 * Owner: the caller; buffer_clear() frees.
 */
struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t limit; /* refuses to grow beyond; 0: BUFFER_LIMIT_DEFAULT */
    bool failed;  /* out of memory, or beyond the limit */
};

#define BUFFER_LIMIT_DEFAULT ((size_t)16 * 1024 * 1024)

void buffer_clear(struct buffer *buffer);
DEFINE_CLEAR(buffer_clear, struct buffer);
void buffer_append(struct buffer *buffer, struct bytes bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_u8(struct buffer *buffer, uint8_t value);
void buffer_append_u32(struct buffer *buffer, uint32_t value); /* big-endian */
void buffer_append_u64(struct buffer *buffer, uint64_t value); /* big-endian */
/* Makes room for @len bytes more, which are content from now on. NULL: it failed. */
uint8_t *buffer_extend(struct buffer *buffer, size_t len);
/* Forgets the first @len bytes; with the last of them the memory as well. */
void buffer_drop(struct buffer *buffer, size_t len);
/* The content as struct bytes; valid until the next append or clear. */
struct bytes buffer_bytes(const struct buffer *buffer);
/* Gives the memory away (free()); the buffer becomes empty. NULL if it failed. */
uint8_t *buffer_take(struct buffer *buffer, size_t *len);

/*
 * Reads foreign bytes field by field; remembers its first error, so a straight list of reads needs one check
 * at the end (as Knot's wire_ctx). A failed read gives zeros or an empty run.
 */
struct reader {
    struct bytes rest;
    bool failed;
};

struct reader reader_of(struct bytes bytes);
uint8_t reader_u8(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
struct bytes reader_run(struct reader *reader, size_t len);
bool reader_done(const struct reader *reader); /* everything read, nothing failed */

/* Lower-case hexadecimal. @text has room for 2 * len + 1. */
void hex_encode(struct bytes bytes, char *text);
/* Errors: -EINVAL when @text is not exactly 2 * len hexadecimal digits. */
MUST_CHECK int hex_decode(const char *text, uint8_t *ret, size_t len);
/* RFC 4648 5 (base64url), without padding. @text has room for 4 * ((len + 2) / 3) + 1. */
void base64url_encode(struct bytes bytes, char *text);
