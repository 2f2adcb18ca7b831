/* SPDX-License-Identifier: Apache-2.0 */
/* der.c - tags and lengths. */
#include "proto/der.h"

#define LENGTH_1 0x81 /* in one byte more */
#define LENGTH_2 0x82

static size_t take_len(struct reader *reader)
{
    size_t len = reader_u8(reader), least = 0;

    if (len == LENGTH_1) {
        len = reader_u8(reader);
        least = 0x80;
    } else if (len == LENGTH_2) {
        len = (size_t)reader_u8(reader) << 8;
        len |= reader_u8(reader);
        least = 0x100;
    } else if (len >= 0x80) {
        reader->failed = true;
    }
    reader->failed |= len < least;
    return len;
}

struct bytes der_take(struct reader *reader, uint8_t tag)
{
    reader->failed |= !der_is_next(reader, tag);
    (void)reader_u8(reader);
    return reader_run(reader, take_len(reader));
}

struct bytes der_take_whole(struct reader *reader, uint8_t tag)
{
    const uint8_t *start = reader->rest.data;
    struct bytes content = der_take(reader, tag);

    return reader->failed ? BYTES_NONE : BYTES(start, (size_t)(content.data + content.len - start));
}

bool der_is_next(const struct reader *reader, uint8_t tag)
{
    return reader->rest.len && reader->rest.data[0] == tag;
}

static void append_header(struct buffer *ret, uint8_t tag, size_t len)
{
    buffer_append_u8(ret, tag);
    if (len > 0xff) {
        buffer_append_u8(ret, LENGTH_2);
        buffer_append_u8(ret, (uint8_t)(len >> 8));
    } else if (len > 0x7f) {
        buffer_append_u8(ret, LENGTH_1);
    }
    buffer_append_u8(ret, (uint8_t)len);
}

void der_append(struct buffer *ret, uint8_t tag, struct bytes content)
{
    ret->failed |= content.len > UINT16_MAX;
    append_header(ret, tag, content.len);
    buffer_append(ret, content);
}

void der_append_number(struct buffer *ret, struct bytes number)
{
    bool needs_zero = number.len == 0 || number.data[0] & 0x80;

    append_header(ret, DER_INTEGER, number.len + needs_zero);
    if (needs_zero)
        buffer_append_u8(ret, 0);
    buffer_append(ret, number);
}
