/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - a front that remembers. */
#include "tests/loopback/capture.h"

#include <check.h>
#include <string.h>

#include "proto/pack.h"

static bool keep_request(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope)
{
    struct captures *captures = arg;
    struct capture *row = &captures->rows[captures->count];

    ck_assert_uint_lt(captures->count, CAPTURES_MAX);
    *row = (struct capture){ .method = method };
    memcpy(row->certificate_hash, envelope->certificate_hash.data, HASH_LEN);
    buffer_append(&row->request, pack_lend(&envelope->body));
    return true;
}

static void keep_reply(void *arg, const struct method *method, struct channel_reply *reply)
{
    struct captures *captures = arg;
    struct capture *row = &captures->rows[captures->count++];

    ck_assert_ptr_eq(row->method, method);
    row->reply.status = reply->status;
    buffer_append(&row->reply.body, buffer_bytes(&reply->body));
    buffer_append(&row->reply.failure, buffer_bytes(&reply->failure));
}

struct front_hook capture_hook(struct captures *captures)
{
    return (struct front_hook){ .request = keep_request, .reply = keep_reply, .arg = captures };
}

void captures_clear(struct captures *captures)
{
    for (size_t i = 0; i < captures->count; i++) {
        buffer_clear(&captures->rows[i].request);
        channel_reply_clear(&captures->rows[i].reply);
    }
    captures->count = 0;
}

const struct capture *captures_last(const struct captures *captures, enum method_id method)
{
    for (size_t i = captures->count; i > 0; i--)
        if (captures->rows[i - 1].method->id == method)
            return &captures->rows[i - 1];
    ck_abort_msg("no %s was captured", method_by_id(method)->name);
}
