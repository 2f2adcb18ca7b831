/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.c - frames, status trailers, and the two encodings they use. */
#include "client/grpc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "include/table.h"

#define DETAILS_MAX 16384 /* of base64: a Failure has some 200 bytes */

void grpc_prefix(size_t len, uint8_t ret[GRPC_PREFIX_LEN])
{
    ret[0] = 0; /* not compressed */
    for (int i = 1; i < GRPC_PREFIX_LEN; i++)
        ret[i] = (uint8_t)(len >> (8 * (GRPC_PREFIX_LEN - 1 - i)));
}

static int base64_value(uint8_t c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

int grpc_base64_decode(struct bytes text, struct buffer *ret)
{
    uint32_t bits = 0;
    unsigned held = 0;

    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    if (text.len % 4 == 1)
        return -EBADMSG;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.data[i]);

        if (value < 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buffer_append_u8(ret, (uint8_t)(bits >> held));
        }
    }
    return ret->failed ? -ENOMEM : 0;
}

void grpc_answer_init(struct grpc_answer *answer, size_t reply_max)
{
    *answer = (struct grpc_answer){ .status = GRPC_UNKNOWN };
    answer->body.limit = GRPC_PREFIX_LEN + reply_max;
    answer->details.limit = DETAILS_MAX;
}

void grpc_answer_clear(struct grpc_answer *answer)
{
    buffer_clear(&answer->body);
    buffer_clear(&answer->details);
}

static void take_content_type(struct grpc_answer *answer, struct bytes value)
{
    static const char type[] = "application/grpc";

    answer->is_grpc =
        value.len >= sizeof(type) - 1 && strncasecmp((const char *)value.data, type, sizeof(type) - 1) == 0;
}

/* At most three digits; anything else is @fallback. */
static unsigned read_number(struct bytes value, unsigned fallback)
{
    unsigned number = 0;

    if (value.len == 0 || value.len > 3)
        return fallback;
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit(value.data[i]))
            return fallback;
        number = number * 10 + (value.data[i] - '0');
    }
    return number;
}

static void take_http_status(struct grpc_answer *answer, struct bytes value)
{
    answer->http_status = read_number(value, 0);
}

static void take_status(struct grpc_answer *answer, struct bytes value)
{
    unsigned status = read_number(value, GRPC_UNKNOWN);

    answer->has_status = value.len > 0;
    answer->status = status <= GRPC_UNAUTHENTICATED ? (enum grpc_status)status : GRPC_UNKNOWN;
}

/* For people to read: control characters become spaces, so that no server writes to a terminal. */
static void take_message(struct grpc_answer *answer, struct bytes value)
{
    size_t len = 0;

    for (size_t i = 0; i < value.len && len + 1 < sizeof(answer->message); i++) {
        uint8_t c = value.data[i];
        char escape[3] = "";

        if (c == '%' && i + 2 < value.len)
            memcpy(escape, value.data + i + 1, 2);
        if (*escape && hex_decode(escape, &c, 1) == 0)
            i += 2;
        answer->message[len++] = c < ' ' || c == 0x7f ? ' ' : (char)c;
    }
    answer->message[len] = '\0';
}

static void take_details(struct grpc_answer *answer, struct bytes value)
{
    buffer_clear(&answer->details);
    buffer_append(&answer->details, value);
}

/* It will stand in a log of the host's: nothing but digits. */
static void take_request_id(struct grpc_answer *answer, struct bytes value)
{
    char text[REQUEST_ID_LEN + 1] = "";
    uint8_t id[REQUEST_ID_LEN / 2];

    if (value.len != REQUEST_ID_LEN)
        return;
    memcpy(text, value.data, value.len);
    if (hex_decode(text, id, sizeof(id)) == 0)
        memcpy(answer->request_id, text, sizeof(text));
}

#define NAME(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    size_t len;
    void (*take)(struct grpc_answer *answer, struct bytes value);
} grpc_headers[] = {
    { NAME(":status"), take_http_status },
    { NAME("content-type"), take_content_type },
    { NAME("grpc-message"), take_message },
    { NAME("grpc-status"), take_status },
    { NAME("grpc-status-details-bin"), take_details },
    { NAME("x-request-id"), take_request_id },
};

void grpc_answer_header(struct grpc_answer *answer, struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < ARRAY_SIZE(grpc_headers); i++)
        if (bytes_equal(name,
                        BYTES(grpc_headers[i].name, grpc_headers[i].len))) { /* lower case: RFC 9113 8.2 */
            grpc_headers[i].take(answer, value);
            return;
        }
}

/* grpc/doc/http-grpc-status-mapping.md: for answers that are not gRPC's, such as a gateway's. */
static enum grpc_status status_of_http(unsigned http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* Exactly one message, not compressed: all our methods are unary. */
static bool body_is_whole(const struct grpc_answer *answer)
{
    struct reader reader = reader_of(buffer_bytes(&answer->body));
    uint8_t compressed = reader_u8(&reader);

    (void)reader_run(&reader, reader_u32(&reader));
    return !answer->body.failed && reader_done(&reader) && !compressed;
}

static void take_body(struct grpc_answer *answer, struct channel_reply *ret)
{
    if (!body_is_whole(answer)) {
        ret->status = GRPC_INTERNAL;
        snprintf(ret->detail, sizeof(ret->detail), "the answer is not one gRPC message");
        return;
    }
    buffer_drop(&answer->body, GRPC_PREFIX_LEN);
    ret->status = GRPC_OK;
    ret->body = answer->body;
    answer->body = (struct buffer){ 0 };
}

void grpc_answer_finish(struct grpc_answer *answer, struct channel_reply *ret)
{
    CLEANUP(buffer_clear) struct buffer status = { 0 };

    memcpy(ret->request_id, answer->request_id, sizeof(ret->request_id));
    if (answer->http_status != 200 || !answer->is_grpc) {
        ret->status = status_of_http(answer->http_status);
        snprintf(ret->detail, sizeof(ret->detail), "the answer is not gRPC's (HTTP status %u)",
                 answer->http_status);
        return;
    }
    if (!answer->has_status) {
        ret->status = GRPC_UNAVAILABLE;
        snprintf(ret->detail, sizeof(ret->detail), "the answer was cut off");
        return;
    }
    if (answer->status == GRPC_OK) {
        take_body(answer, ret);
        return;
    }
    ret->status = answer->status;
    snprintf(ret->detail, sizeof(ret->detail), "%s", answer->message);
    /* An unreadable failure is none: the status stands alone. */
    if (answer->details.len == 0 || grpc_base64_decode(buffer_bytes(&answer->details), &status) < 0 ||
        failure_unwrap_status(buffer_bytes(&status), &ret->failure) < 0)
        buffer_clear(&ret->failure);
}
