/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_grpc_metadata.c - the small syntaxes that the front reads and writes: one input, taken as each of them. */
#include "proxy/front/grpc_frame.h"

#include <errno.h>
#include <string.h>

#include "proto/traceparent.h"
#include "tests/fuzz/fuzz.h"

#define HOUR_MS          UINT64_C(3600000)
#define TIMEOUT_MAX_MS   (99999999 * HOUR_MS) /* eight digits of hours */
#define FRAME_PREFIX_LEN 5

static void read_frame(struct bytes body)
{
    struct bytes message = BYTES_NONE;
    int r = grpc_frame_open(body, &message);

    fuzz_require(r == 0 || r == -EBADMSG || r == -EOPNOTSUPP);
    if (r == 0)
        fuzz_require(message.len + FRAME_PREFIX_LEN == body.len);
}

static void read_timeout(const char *text)
{
    uint64_t ms = 0;

    if (grpc_timeout_parse(text, &ms) == 0)
        fuzz_require(ms <= TIMEOUT_MAX_MS);
}

/* Whatever is taken is of the one form that is passed on. */
static void read_trace(const char *text)
{
    char parsed[TRACEPARENT_LEN + 1], again[TRACEPARENT_LEN + 1], trace[TRACE_ID_LEN + 1];

    if (!traceparent_parse(text, parsed))
        return;
    fuzz_require(strlen(parsed) == TRACEPARENT_LEN && traceparent_parse(parsed, again));
    fuzz_require(strcmp(parsed, again) == 0);
    traceparent_trace_id(parsed, trace);
    fuzz_require(strspn(trace, "0123456789abcdef") == TRACE_ID_LEN);
}

/* Nothing of a message ends a header or begins another. */
static void write_message(const char *text)
{
    CLEANUP(buffer_clear) struct buffer header = { 0 };

    grpc_message_append(&header, text);
    for (size_t i = 0; i < header.len; i++)
        fuzz_require(header.data[i] >= 0x20 && header.data[i] <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    read_frame(BYTES(data, size));
    read_timeout(text);
    read_trace(text);
    write_message(text);
    free(text);
    return 0;
}
