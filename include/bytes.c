/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c - borrowed runs, growing buffers, a reader that remembers its first error, and text forms. */
#include "include/bytes.h"

#include <errno.h>
#include <string.h>

struct bytes bytes_of_text(const char *text)
{
    return text ? BYTES(text, strlen(text)) : BYTES_NONE;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ .limit = buffer->limit };
}

static bool buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t limit = buffer->limit ? buffer->limit : BUFFER_LIMIT_DEFAULT;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    uint8_t *data;

    if (buffer->failed || more > limit || buffer->len > limit - more) {
        buffer->failed = true;
        return false;
    }
    if (buffer->len + more <= buffer->capacity)
        return true;
    while (capacity < buffer->len + more)
        capacity *= 2;
    data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(struct buffer *buffer, struct bytes bytes)
{
    if (bytes.len == 0 || !buffer_reserve(buffer, bytes.len))
        return;
    memcpy(buffer->data + buffer->len, bytes.data, bytes.len);
    buffer->len += bytes.len;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, bytes_of_text(text));
}

void buffer_append_u8(struct buffer *buffer, uint8_t value)
{
    buffer_append(buffer, BYTES(&value, 1));
}

void buffer_append_u32(struct buffer *buffer, uint32_t value)
{
    uint8_t encoded[4];

    for (int i = 0; i < 4; i++)
        encoded[i] = (uint8_t)(value >> (24 - 8 * i));
    buffer_append(buffer, BYTES_OF_ARRAY(encoded));
}

void buffer_append_u64(struct buffer *buffer, uint64_t value)
{
    buffer_append_u32(buffer, (uint32_t)(value >> 32));
    buffer_append_u32(buffer, (uint32_t)value);
}

uint8_t *buffer_extend(struct buffer *buffer, size_t len)
{
    if (!buffer_reserve(buffer, len))
        return NULL;
    buffer->len += len;
    return buffer->data + buffer->len - len;
}

void buffer_drop(struct buffer *buffer, size_t len)
{
    bool failed = buffer->failed;

    if (len < buffer->len) {
        buffer->len -= len;
        memmove(buffer->data, buffer->data + len, buffer->len);
    } else {
        buffer_clear(buffer);
        buffer->failed = failed;
    }
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return BYTES(buffer->data, buffer->len);
}

uint8_t *buffer_take(struct buffer *buffer, size_t *len)
{
    uint8_t *data;

    if (buffer->failed)
        return NULL;
    data = buffer->data;
    *len = buffer->len;
    *buffer = (struct buffer){ .limit = buffer->limit };
    return data;
}

struct reader reader_of(struct bytes bytes)
{
    return (struct reader){ .rest = bytes };
}

struct bytes reader_run(struct reader *reader, size_t len)
{
    struct bytes run = { reader->rest.data, len };

    if (reader->failed || len > reader->rest.len) {
        reader->failed = true;
        return BYTES_NONE;
    }
    reader->rest = BYTES(len ? reader->rest.data + len : reader->rest.data, reader->rest.len - len);
    return run;
}

static uint64_t reader_number(struct reader *reader, size_t len)
{
    struct bytes run = reader_run(reader, len);
    uint64_t value = 0;

    for (size_t i = 0; i < run.len; i++)
        value = value << 8 | run.data[i];
    return value;
}

uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_number(reader, 1);
}

uint32_t reader_u32(struct reader *reader)
{
    return (uint32_t)reader_number(reader, 4);
}

uint64_t reader_u64(struct reader *reader)
{
    return reader_number(reader, 8);
}

bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->rest.len == 0;
}

void hex_encode(struct bytes bytes, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        *text++ = digits[bytes.data[i] >> 4];
        *text++ = digits[bytes.data[i] & 15];
    }
    *text = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *text, uint8_t *ret, size_t len)
{
    if (!text || strlen(text) != 2 * len)
        return -EINVAL;
    for (size_t i = 0; i < 2 * len; i++)
        if (hex_digit(text[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return 0;
}

/* Not constant time: a partition's PIN passes through here on the signer, which holds it in the clear anyway. */
void base64url_encode(struct bytes bytes, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | bytes.data[i];
        for (held += 8; held >= 6; held -= 6)
            *text++ = digits[bits >> (held - 6) & 63];
    }
    if (held)
        *text++ = digits[bits << (6 - held) & 63];
    *text = '\0';
}
