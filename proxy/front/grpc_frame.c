/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_frame.c - reads and writes the small syntaxes of gRPC over HTTP/2. */
#include "proxy/front/grpc_frame.h"

#include <errno.h>
#include <stdio.h>

#include "include/table.h"

#define TIMEOUT_DIGITS_MAX 8 /* "TimeoutValue: positive integer of at most 8 digits" */

static const struct timeout_unit {
    char letter;
    uint64_t multiply, divide; /* to milliseconds */
} timeout_units[] = {
    { 'H', 3600000, 1 }, { 'M', 60000, 1 }, { 'S', 1000, 1 },
    { 'm', 1, 1 },       { 'u', 1, 1000 },  { 'n', 1, 1000000 },
};

int grpc_frame_open(struct bytes body, struct bytes *ret)
{
    struct reader reader = reader_of(body);
    uint8_t flag = reader_u8(&reader);
    uint32_t len = reader_u32(&reader);
    struct bytes message = reader_run(&reader, len);

    if (!reader_done(&reader))
        return -EBADMSG;
    if (flag != 0)
        return flag == 1 ? -EOPNOTSUPP : -EBADMSG;
    *ret = message;
    return 0;
}

void grpc_frame_append(struct buffer *buffer, struct bytes message)
{
    buffer_append_u8(buffer, 0);
    buffer_append_u32(buffer, (uint32_t)message.len);
    buffer_append(buffer, message);
}

int grpc_timeout_parse(const char *text, uint64_t *ret_ms)
{
    const struct timeout_unit *unit;
    uint64_t value = 0;
    size_t digits = 0;

    while (text[digits] >= '0' && text[digits] <= '9' && digits < TIMEOUT_DIGITS_MAX)
        value = value * 10 + (uint64_t)(text[digits++] - '0');
    if (digits == 0 || text[digits] == '\0' || text[digits + 1] != '\0')
        return -EINVAL;
    for (EACH_ROW(unit, timeout_units)) {
        if (unit->letter != text[digits])
            continue;
        *ret_ms = (value * unit->multiply + unit->divide - 1) / unit->divide;
        return 0;
    }
    return -EINVAL;
}

void grpc_message_append(struct buffer *buffer, const char *message)
{
    char escaped[4];

    for (; *message; message++) {
        unsigned char byte = (unsigned char)*message;

        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            buffer_append_u8(buffer, byte);
        } else {
            snprintf(escaped, sizeof(escaped), "%%%02X", byte);
            buffer_append_text(buffer, escaped);
        }
    }
}

void grpc_binary_append(struct buffer *buffer, struct bytes value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < value.len; i += 3) {
        size_t left = value.len - i;
        uint32_t group = (uint32_t)value.data[i] << 16;

        if (left > 1)
            group |= (uint32_t)value.data[i + 1] << 8;
        if (left > 2)
            group |= value.data[i + 2];
        buffer_append_u8(buffer, (uint8_t)digits[group >> 18]);
        buffer_append_u8(buffer, (uint8_t)digits[group >> 12 & 63]);
        buffer_append_u8(buffer, left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
        buffer_append_u8(buffer, left > 2 ? (uint8_t)digits[group & 63] : '=');
    }
}
