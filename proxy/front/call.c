/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - a copy of what the client said, and the end of it. */
#include "proxy/front/call.h"

#include <errno.h>
#include <string.h>

int call_new(const struct request *request, uint64_t id, struct call **ret)
{
    struct call *call = calloc(1, sizeof(*call));

    if (!call)
        return -ENOMEM;
    call->id = id;
    call->wanted = call->failed_at = -1;
    call->method = request->method;
    call->message_at = request->message_at;
    call->received_ns = front_now_ns();
    call->deadline_ms = request->deadline_ms;
    call->has_certificate = request->certificate_hash != NULL;
    if (call->has_certificate)
        memcpy(call->certificate_hash, request->certificate_hash, HASH_LEN);
    memcpy(call->request_id, request->request_id, sizeof(call->request_id));
    strcpy(call->peer, request->peer);
    strcpy(call->traceparent, request->traceparent);
    call->body = *request->body;
    *request->body = (struct buffer){ 0 };
    *ret = call;
    return 0;
}

void call_free(struct call *call)
{
    if (!call)
        return;
    buffer_clear(&call->body);
    free(call);
}

void call_answer(struct call *call, const struct answer *answer)
{
    if (call->done)
        call->done(call->owner, answer);
    call_free(call);
}

void call_fail(struct call *call, enum reason reason)
{
    call_answer(call, &(struct answer){ .reason = reason });
}
