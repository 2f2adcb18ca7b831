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
#include "proxy/signer/answer.h"
#include "proxy/signer/record.h"

#define PUT_OFF_MS 250 /* until the caller asks again: a store that fails over takes seconds */

static const struct proof_ops *const proofs[] = {
    [PROOF_PLAIN] = &proof_plain,
    [PROOF_SEALED] = &proof_sealed,
    [PROOF_OPERATOR] = &proof_operator,
    [PROOF_SESSION] = &proof_session,
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
        answer_reroute(exchange, ret);
        return REASON_UNAVAILABLE;
    }
    reason = record_end(exchange, reason);
    if (reason == REASON_NONE)
        reason = answer_reply(exchange, answer, ret);
    if (reason != REASON_NONE)
        answer_failure(exchange, reason, ret);
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
    answer_failure(&exchange, reason, ret);
    record_count(&exchange, reason);
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
        answer_kept(&exchange, ret);
        return;
    }
    reason = run(&exchange, reason, ret);
    record_count(&exchange, reason);
    if (exchange.keeps_reply && !ret->failed)
        keep_or_forget(&exchange, reason, BYTES(ret->data + start, ret->len - start));
    if (exchange.call.ends_lease)
        leases_remove(service->leases, exchange.call.lease);
}

typedef void serve_function(struct service *service, const struct method *method,
                            const Privyseal__V1__Envelope *envelope, struct buffer *ret);

static void open_envelope(struct service *service, struct bytes envelope, serve_function *serve_it,
                          struct buffer *ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    const Privyseal__V1__Envelope *opened;

    if (message_unpack(&privyseal__v1__envelope__descriptor, envelope, &message) < 0) {
        answer_refusal(0, GRPC_INVALID_ARGUMENT, ret);
        return;
    }
    opened = (const Privyseal__V1__Envelope *)message;
    if (opened->method >= METHODS)
        answer_refusal(opened->id, GRPC_UNIMPLEMENTED, ret);
    else if (hsm_health(service->access.hsm) != HSM_WELL)
        answer_not_begun(opened->id, ret);
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
