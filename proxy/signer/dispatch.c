/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch.c - the road of one call, from the front's bytes to the front's bytes.
 *
 *     receive -> prove -> token -> permit -> home -> handle (or keep, for a second person) -> record -> answer
 *
 * Every step can refuse; a refusal is recorded and answered like everything else. Nothing here is about one method:
 * what differs between them stands in methods.def, in the proofs, and in the handlers.
 */
#include "proxy/signer/dispatch.h"

#include <string.h>
#include <time.h>

#include "proxy/hsm/hsm_health.h"
#include "proxy/service/dual.h"
#include "proxy/service/named_token.h"
#include "proxy/signer/exchange.h"
#include "proxy/signer/record.h"

#define PUT_OFF_MS 250 /* until the caller asks again: a store that fails over takes seconds */

static const struct proof_ops *const proofs[] = {
    [PROOF_PLAIN] = &proof_plain,
    [PROOF_SEALED] = &proof_sealed,
    [PROOF_OPERATOR] = &proof_operator,
    [PROOF_SESSION] = &proof_session,
};

/* Refusals whose remedy is a new sealed call: the challenge for it comes along. */
static const bool brings_challenge[REASONS] = {
    [REASON_UNLOCK_REQUIRED] = true,
    [REASON_CHALLENGE_STALE] = true,
};

/* What a login is good for while the policy asks for a second factor that its user has yet to enrol. */
static const bool serves_enrolment[METHODS] = {
    [METHOD_EnrolFactor] = true,
    [METHOD_ConfirmFactor] = true,
    [METHOD_Lock] = true,
};

/* What can be done without the store, by a lease that has its keys' rows. */
static const bool needs_no_store[METHODS] = {
    [METHOD_Sign] = true,
    [METHOD_Decrypt] = true,
    [METHOD_Derive] = true,
};

static void exchange_clear(struct exchange *exchange)
{
    seal_call_clear(&exchange->seal);
    certificate_free_stack(exchange->presented);
    message_free(exchange->request);
    message_free(exchange->call.approved);
}
DEFINE_CLEAR(exchange_clear, struct exchange);

/* ------------------------------------------------------------------------------------------------ the way in */

static int64_t unix_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_request_id(const char *text)
{
    size_t len = strspn(text, "0123456789abcdef");

    return len == REQUEST_ID_LEN && text[len] == '\0';
}

/* What the front has to say about a call, within bounds. Only a front that is broken or hostile fails here. */
static enum reason receive(struct exchange *exchange, const Privyseal__V1__Envelope *envelope)
{
    struct call *call = &exchange->call;
    char traceparent[TRACEPARENT_LEN + 1] = "";
    bool is_anonymous;

    exchange->envelope = envelope;
    exchange->proof = proofs[call->method->proof];
    call->now_ms = unix_ms();
    call->reroute_to = -1;
    if (!is_request_id(envelope->request_id) || strlen(envelope->peer) >= sizeof(call->peer) ||
        envelope->body.len > call->method->request_max ||
        (*envelope->traceparent && !traceparent_parse(envelope->traceparent, traceparent)))
        return REASON_MALFORMED;
    traceparent_trace_id(traceparent, call->trace_id);
    strcpy(call->request_id, envelope->request_id);
    strcpy(call->peer, envelope->peer);
    /* The front has said it already; a front that was taken over says what it likes. */
    is_anonymous = envelope->certificate_hash.len == 0;
    return is_anonymous == method_is_anonymous(call->method) ? REASON_NONE : REASON_NOT_PERMITTED;
}

static enum reason prove(struct exchange *exchange)
{
    CLEANUP(secret_free) struct secret *inner = NULL;
    enum reason reason = exchange->proof->open(exchange, &inner);

    if (reason != REASON_NONE || exchange->kept)
        return reason;
    return message_unpack(exchange->call.method->request, secret_bytes(inner), &exchange->request) < 0
               ? REASON_MALFORMED
               : REASON_NONE;
}

/* A lease knows its grant, rechecked every few seconds; everybody else's is read now. */
static enum reason permit(struct exchange *exchange)
{
    const struct call *call = &exchange->call;
    const struct lease *lease = call->lease;

    if (method_is_anonymous(call->method))
        return REASON_NONE; /* the handler asks for whatever proof there is */
    if (lease && lease->only_enrols && !serves_enrolment[call->method->id])
        return REASON_FACTOR_MISSING;
    if (!lease)
        return policy_check(&exchange->service->access, &call->caller, call->method->permission,
                            call->has_token ? &call->token : NULL);
    return policy_allows(call->method->permission, lease->caller.certificate.role, lease->grant_bits)
               ? REASON_NONE
               : REASON_NOT_PERMITTED;
}

/* ----------------------------------------------------------------------------------------------- the way out */

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
static void write_failure(struct exchange *exchange, enum reason reason, struct buffer *ret)
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

static enum reason write_answer(struct exchange *exchange, const ProtobufCMessage *answer, struct buffer *ret)
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

static void write_reroute(const struct exchange *exchange, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = reply_to(exchange);

    reply.grpc_status = GRPC_UNAVAILABLE;
    reply.reroute_to = (uint32_t)exchange->call.reroute_to + 1;
    write_reply(&reply, ret);
}

/* The answer given before, under this envelope's id. */
static void write_kept(const struct exchange *exchange, struct buffer *ret)
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

/* ------------------------------------------------------------------------------------------------- the road */

static enum reason handle(struct exchange *exchange, ProtobufCMessage *answer)
{
    struct call *call = &exchange->call;
    enum reason reason = named_token_load(exchange->service, call, exchange->request);

    if (reason == REASON_NONE)
        reason = permit(exchange);
    if (reason != REASON_NONE)
        return reason;
    if (named_token_is_elsewhere(exchange->service, call)) {
        call->reroute_to = token_signer(exchange->service->config, &call->token);
        return REASON_UNAVAILABLE;
    }
    if (dual_is_needed(exchange->service, call->method, exchange->request))
        return dual_hold(exchange->service, call, exchange->request);
    return service_handler_of(call->method->id)(exchange->service, call, exchange->request, answer);
}

/* From a proved request to a recorded end, which is returned. */
static enum reason run(struct exchange *exchange, enum reason reason, struct buffer *ret)
{
    CLEANUP(message_free) ProtobufCMessage *answer = NULL;

    if (reason == REASON_NONE && message_new(exchange->call.method->reply, &answer) < 0)
        reason = REASON_INTERNAL;
    if (reason == REASON_NONE)
        reason = handle(exchange, answer);
    if (exchange->call.reroute_to >= 0) {
        write_reroute(exchange, ret);
        return REASON_UNAVAILABLE;
    }
    reason = record_end(exchange, reason);
    if (reason == REASON_NONE)
        reason = write_answer(exchange, answer, ret);
    if (reason != REASON_NONE)
        write_failure(exchange, reason, ret);
    return reason;
}

/*
 * What a lease's window remembers of a call. "Busy" is no answer to keep: whoever repeats the same bytes asks again.
 * So for a store or an HSM that failed, where doing it twice does no harm.
 */
static void keep_or_forget(struct exchange *exchange, enum reason reason, struct bytes reply)
{
    struct lease *lease = exchange->call.lease;
    bool is_failure = reason == REASON_STORE || reason == REASON_HSM;

    if (reason_row(reason)->is_local_repeat || (is_failure && exchange->call.method->repeat == REPEAT_SAFE))
        lease_window_forget(lease, exchange->sequence);
    else
        lease_window_keep(lease, exchange->sequence, reply);
}

/* Into the numbers that everybody may read: how it ended, and where its time went. */
static void count(const struct exchange *exchange, enum reason reason)
{
    const struct service *service = exchange->service;
    struct metrics *metrics = service->config->metrics;
    uint64_t all_us = (uint64_t)(record_clock_us() - exchange->started_us);
    uint64_t received_us = exchange->envelope->received_ns / 1000;
    struct metrics_signer *mine;

    if (!metrics || service->config->signer >= metrics->signers)
        return;
    mine = &metrics->signer[service->config->signer];
    metrics_add(&mine->requests[exchange->call.method->id][reason], 1);
    metrics_add(&mine->busy_us, all_us);
    metrics_time(&mine->stages[STAGE_ALL], all_us);
    metrics_time(&mine->stages[STAGE_STORE], store_spent_us(service->access.store) - exchange->store_us);
    if (received_us && received_us < (uint64_t)exchange->started_us)
        metrics_time(&mine->stages[STAGE_QUEUE], (uint64_t)exchange->started_us - received_us);
    if (exchange->call.hsm_us)
        metrics_time(&mine->stages[STAGE_HSM], exchange->call.hsm_us);
    if (exchange->audit_us)
        metrics_time(&mine->stages[STAGE_AUDIT], exchange->audit_us);
}

/*
 * How long a call may take before its signer is taken for dead. What nobody will repeat is given all of its time: an
 * HSM may need it to make a key.
 */
static uint64_t patience_ms(const struct method *method)
{
    uint64_t some_ms = method->deadline_ms / 3;

    if (method->repeat == REPEAT_NEVER)
        return method->deadline_ms;
    if (some_ms > PULSE_DISK_MS)
        return PULSE_DISK_MS;
    return some_ms > PULSE_PATIENCE_MS ? some_ms : PULSE_PATIENCE_MS;
}

static struct exchange exchange_of(struct service *service, const struct method *method)
{
    return (struct exchange){
        .service = service,
        .call.method = method,
        .started_us = record_clock_us(),
        .store_us = store_spent_us(service->access.store),
    };
}

/* Nothing was done; the caller is answered now, so that others' calls have its place in the front's queue. */
static void put_off(struct service *service, const struct method *method,
                    const Privyseal__V1__Envelope *envelope, struct buffer *ret)
{
    CLEANUP(exchange_clear) struct exchange exchange = exchange_of(service, method);
    enum reason reason = receive(&exchange, envelope);

    if (reason == REASON_NONE)
        reason = REASON_BUSY;
    exchange.call.failure.retry_after_ms = PUT_OFF_MS;
    write_failure(&exchange, reason, ret);
    count(&exchange, reason);
}

static void serve(struct service *service, const struct method *method,
                  const Privyseal__V1__Envelope *envelope, struct buffer *ret)
{
    CLEANUP(exchange_clear) struct exchange exchange = exchange_of(service, method);
    size_t start = ret->len;
    enum reason reason;

    pulse_beat(service->config->pulse, patience_ms(method));
    service->access.asks_anew = method_is_anonymous(method);
    reason = receive(&exchange, envelope);
    if (reason == REASON_NONE)
        reason = prove(&exchange);
    if (exchange.kept) {
        write_kept(&exchange, ret);
        return;
    }
    reason = run(&exchange, reason, ret);
    count(&exchange, reason);
    if (exchange.keeps_reply && !ret->failed)
        keep_or_forget(&exchange, reason, BYTES(ret->data + start, ret->len - start));
    if (exchange.call.ends_lease)
        leases_remove(service->leases, exchange.call.lease);
}

/* No method, so no Failure either: a status is all there is to say. */
static void refuse_envelope(uint64_t id, enum grpc_status status, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.grpc_status = status;
    write_reply(&reply, ret);
}

void dispatch_news(bool is_well, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.hsm = is_well ? PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_WELL : PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;
    write_reply(&reply, ret);
}

/* Whoever sent it had not heard yet. */
static void send_back(uint64_t id, struct buffer *ret)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.grpc_status = GRPC_UNAVAILABLE;
    reply.not_begun = true;
    reply.hsm = PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;
    write_reply(&reply, ret);
}

typedef void serve_function(struct service *service, const struct method *method,
                            const Privyseal__V1__Envelope *envelope, struct buffer *ret);

static void open_envelope(struct service *service, struct bytes envelope, serve_function *serve_it,
                          struct buffer *ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    const Privyseal__V1__Envelope *opened;

    if (message_unpack(&privyseal__v1__envelope__descriptor, envelope, &message) < 0) {
        refuse_envelope(0, GRPC_INVALID_ARGUMENT, ret);
        return;
    }
    opened = (const Privyseal__V1__Envelope *)message;
    if (opened->method >= METHODS)
        refuse_envelope(opened->id, GRPC_UNIMPLEMENTED, ret);
    else if (hsm_health(service->access.hsm) != HSM_WELL)
        send_back(opened->id, ret);
    else
        serve_it(service, method_by_id(opened->method), opened, ret);
}

static void serve_meanwhile(struct service *service, const struct method *method,
                            const Privyseal__V1__Envelope *envelope, struct buffer *ret)
{
    bool asks_anew = service->access.asks_anew; /* the call that waits */

    (needs_no_store[method->id] ? serve : put_off)(service, method, envelope, ret);
    service->access.asks_anew = asks_anew;
}

void dispatch(struct service *service, struct bytes envelope, struct buffer *ret)
{
    open_envelope(service, envelope, serve, ret);
}

void dispatch_meanwhile(struct service *service, struct bytes envelope, struct buffer *ret)
{
    open_envelope(service, envelope, serve_meanwhile, ret);
}
