/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - EnvelopeReplies, one for each way that a call can end. */
#include "proxy/signer/answer.h"

#include <limits.h>
#include <string.h>

#include "proto/pack.h"
#include "proxy/hsm/hsm_health.h"
#include "proxy/signer/record.h"

/* Refusals whose remedy is a new sealed call: the challenge for it comes along. */
static const bool brings_challenge[REASONS] = {
    [REASON_UNLOCK_REQUIRED] = true,
    [REASON_CHALLENGE_STALE] = true,
};

static void write_reply(const Privyseal__V1__EnvelopeReply *reply, struct buffer *ret)
{
    if (pack_append(&reply->base, ret) < 0)
        ret->failed = true;
}

static Privyseal__V1__EnvelopeReply reply_to(const struct exchange *exchange)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = exchange->envelope->id;
    reply.spent_us = (uint32_t)(record_clock_us() - exchange->started_us);
    return reply;
}

static void fill_failure(struct exchange *exchange, enum reason reason, struct failure *failure)
{
    *failure = exchange->call.failure;
    failure->reason = reason;
    if (exchange->call.sentence)
        failure_set_detail(failure, exchange->call.sentence);
    memcpy(failure->request_id, exchange->call.request_id, sizeof(exchange->call.request_id));
    failure->has_challenge =
        brings_challenge[reason] &&
        challenge_make(exchange->service->challenges, exchange->call.now_ms, failure->challenge) == 0;
}

/* Where the HSM failed, the front may ask another: it is asked itself, now, so that both are said in one breath. */
static void tell_of_hsm(const struct service *service, Privyseal__V1__EnvelopeReply *reply)
{
    reply->hsm_failed = true;
    if (hsm_examine(service->access.hsm, UINT_MAX) != HSM_WELL)
        reply->hsm = PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;
}

/* Under a MAC once caller and signer share a key; before, a refusal is only the network's word. */
void answer_failure(struct exchange *exchange, enum reason reason, struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer serialized = { 0 };
    Privyseal__V1__EnvelopeReply reply;
    const struct reason_row *row = reason_row(reason);
    const char *sentence = exchange->call.sentence ? exchange->call.sentence : row->sentence;
    struct bytes key = BYTES_NONE, binding = BYTES_NONE;
    struct failure failure;

    fill_failure(exchange, reason, &failure);
    if (exchange->is_proved)
        exchange->proof->failure_key(exchange, &key, &binding);
    if (failure_encode(NULL, &failure, exchange->call.method, key, binding, &serialized) < 0)
        buffer_clear(&serialized); /* the status still tells that nothing came of it */
    reply = reply_to(exchange);
    reply.grpc_status = row->status;
    reply.message = (char *)(uintptr_t)sentence;
    reply.failure = (ProtobufCBinaryData){ .data = serialized.data, .len = serialized.len };
    if (reason == REASON_HSM)
        tell_of_hsm(exchange->service, &reply);
    write_reply(&reply, ret);
}

enum reason answer_reply(struct exchange *exchange, const ProtobufCMessage *answer, struct buffer *ret)
{
    CLEANUP(secret_free) struct secret *packed = NULL;
    CLEANUP(buffer_clear) struct buffer body = { 0 };
    Privyseal__V1__EnvelopeReply reply;

    if (message_pack(answer, &packed) < 0 ||
        exchange->proof->protect(exchange, secret_bytes(packed), &body) < 0)
        return REASON_INTERNAL;
    if (body.len > exchange->call.method->reply_max)
        return REASON_LIMIT;
    reply = reply_to(exchange);
    reply.body = (ProtobufCBinaryData){ .data = body.data, .len = body.len };
    write_reply(&reply, ret);
    return REASON_NONE;
}

void answer_reroute(const struct exchange *exchange, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = reply_to(exchange);

    reply.grpc_status = GRPC_UNAVAILABLE;
    reply.reroute_to = (uint32_t)exchange->call.reroute_to + 1;
    write_reply(&reply, ret);
}

/* The answer given before, under this envelope's id. */
void answer_kept(const struct exchange *exchange, struct buffer *ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__EnvelopeReply *reply;

    if (message_unpack(&privyseal__v1__envelope_reply__descriptor, buffer_bytes(exchange->kept), &message) <
        0) {
        ret->failed = true;
        return;
    }
    reply = (Privyseal__V1__EnvelopeReply *)message;
    reply->id = exchange->envelope->id;
    reply->spent_us = 0; /* that was then */
    write_reply(reply, ret);
}

/* No method, so no Failure either: a status is all there is to say. */
void answer_refusal(uint64_t id, enum grpc_status status, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.grpc_status = status;
    write_reply(&reply, ret);
}

/* Whoever sent it had not heard yet. */
void answer_not_begun(uint64_t id, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.grpc_status = GRPC_UNAVAILABLE;
    reply.not_begun = true;
    reply.hsm = PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;
    write_reply(&reply, ret);
}

void answer_news(bool is_well, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.hsm = is_well ? PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_WELL : PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;
    write_reply(&reply, ret);
}
