/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_grpc.c - what a server answers, as the module reads it: lines "name: value" for headers and trailers, an empty line,
 * and the body.
 */
#include "client/grpc.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

#define REPLY_MAX 4096

/* Takes the line off @rest; false at the empty one. */
static bool take_header(struct grpc_answer *answer, struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len), *colon;
    struct bytes line = BYTES(rest->data, end ? (size_t)(end - rest->data) : rest->len);

    *rest = BYTES(rest->data + line.len + (end != NULL), rest->len - line.len - (end != NULL));
    colon = line.len ? memchr(line.data + 1, ':', line.len - 1) : NULL; /* ":status" begins with one */
    if (!colon)
        return line.len > 0;
    grpc_answer_header(answer, BYTES(line.data, (size_t)(colon - line.data)),
                       BYTES(colon + 1, line.len - (size_t)(colon + 1 - line.data)));
    return true;
}

static void check_reply(const struct channel_reply *reply)
{
    fuzz_require(reply->status <= GRPC_UNAUTHENTICATED);
    fuzz_require(memchr(reply->detail, '\0', sizeof(reply->detail)) != NULL);
    for (const char *c = reply->detail; *c; c++) /* it is shown on terminals */
        fuzz_require((unsigned char)*c >= ' ' && *c != 0x7f);
    fuzz_require(reply->body.len <= REPLY_MAX);
    fuzz_require(strspn(reply->request_id, "0123456789abcdefABCDEF") == strlen(reply->request_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(grpc_answer_clear) struct grpc_answer answer;
    struct channel_reply reply = { 0 };
    struct bytes rest = BYTES(data, size);

    grpc_answer_init(&answer, REPLY_MAX);
    while (rest.len && take_header(&answer, &rest))
        ;
    buffer_append(&answer.body, rest);
    grpc_answer_finish(&answer, &reply);
    check_reply(&reply);
    channel_reply_clear(&reply);
    return 0;
}
