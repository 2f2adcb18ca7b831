/* SPDX-License-Identifier: Apache-2.0 */
/* remote_call.c - repeating, judging and sealing calls. */
#include "client/remote_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/clock.h"
#include "include/table.h"
#include "proto/operator_proof.h"
#include "proto/pack.h"
#include "proto/seal.h"

#define BACKOFF_FIRST_MS  20
#define BACKOFF_MOST_MS   500
#define RECENTLY_MS       60000 /* a server that answered so lately is being restarted, not misconfigured */
#define STALE_ROUNDS      3     /* a front could feed us stale challenges for ever */
#define OPERATOR_EXPIRY_S 240   /* within OPERATOR_PROOF_LIFE_S, with room for clocks that differ */

CK_RV remote_error_set(struct remote_error *error, CK_RV rv, const char *format, ...)
{
    va_list arguments;

    *error = (struct remote_error){ .rv = rv };
    va_start(arguments, format);
    vsnprintf(error->detail, sizeof(error->detail), format, arguments);
    va_end(arguments);
    return rv;
}

CK_RV remote_error_errno(struct remote_error *error, int r, const char *what)
{
    CK_RV rv = r == -ENOMEM ? CKR_HOST_MEMORY : r == -EIO ? CKR_GENERAL_ERROR : CKR_DEVICE_ERROR;

    return remote_error_set(error, rv, "%s: %s", what, strerror(-r));
}

/* ------------------------------------------------------------------------------------------------------ repeating */

/* How the repeats of one call stand. */
struct carry {
    int64_t deadline_ms;
    int64_t patience_ends_ms; /* 0: nothing was unreachable yet */
    int64_t backoff_ms;
};

static int64_t next_backoff(struct carry *carry)
{
    int64_t pause = carry->backoff_ms;

    carry->backoff_ms = pause * 2 < BACKOFF_MOST_MS ? pause * 2 : BACKOFF_MOST_MS;
    return pause;
}

/*
 * Whether to go on trying to reach anybody. A login or a signature waits for a proxy that is just being restarted; a
 * listing does so only where one was there a moment ago, or took the request and died with it: applications list every
 * slot they see.
 */
static bool is_patient(struct remote *remote, const struct method *method, bool was_sent, struct carry *carry)
{
    int64_t now = clock_now_ms(), reached = atomic_load(&remote->reached_ms);
    bool may_wait = was_sent || method->proof != PROOF_PLAIN || (reached && now - reached < RECENTLY_MS);

    if (!carry->patience_ends_ms)
        carry->patience_ends_ms = now + (may_wait ? remote->deployment->connect_timeout_ms : 0);
    return now < carry->patience_ends_ms;
}

static bool turn_away(struct remote *remote, const struct channel_reply *reply)
{
    const struct channel_ops *ops = remote->channel->ops;

    return ops->turn_away && ops->turn_away(remote->channel, reply);
}

/* How long to wait before the call is made again; -1: it is not. */
static int64_t pause_before_repeat(struct remote *remote, const struct method *method,
                                   const struct channel_reply *reply, struct carry *carry)
{
    struct failure failure;

    if (reply->status != GRPC_UNAVAILABLE)
        return -1;
    if (reply->failure.len == 0) {
        if (reply->was_sent && method->repeat == REPEAT_NEVER)
            return -1;
        if (reply->was_refused) /* somebody is there, and will serve again */
            return next_backoff(carry);
        return is_patient(remote, method, reply->was_sent, carry) ? next_backoff(carry) : -1;
    }
    if (failure_decode(remote->libctx, buffer_bytes(&reply->failure), method, BYTES_NONE, BYTES_NONE,
                       &failure) < 0)
        return -1;
    /* Its disk is full: another proxy has one of its own. What may not be repeated goes there the next time. */
    if (failure.reason == REASON_AUDIT && turn_away(remote, reply) && method->repeat == REPEAT_SAFE)
        return 0;
    if (failure.reason == REASON_BUSY)
        return failure.retry_after_ms ? failure.retry_after_ms : next_backoff(carry);
    /* The front lost the signer: what was on its way there may have been done. */
    if (failure.reason == REASON_UNAVAILABLE && method->repeat == REPEAT_SAFE &&
        is_patient(remote, method, true, carry))
        return next_backoff(carry);
    return -1;
}

bool remote_carry(struct remote *remote, const struct method *method, struct bytes message,
                  int64_t deadline_ms, struct channel_reply *ret)
{
    struct carry carry = { .deadline_ms = deadline_ms, .backoff_ms = BACKOFF_FIRST_MS };
    bool was_repeated = false;

    for (;;) {
        int64_t pause;

        remote->channel->ops->call(remote->channel, method, message, clock_left_ms(deadline_ms), ret);
        if (ret->status == GRPC_OK || ret->failure.len)
            atomic_store(&remote->reached_ms, clock_now_ms());
        pause = pause_before_repeat(remote, method, ret, &carry);
        if (pause < 0 || pause >= (int64_t)clock_left_ms(deadline_ms))
            return was_repeated;
        was_repeated = true;
        clock_sleep_until(clock_now_ms() + pause);
        channel_reply_clear(ret);
    }
}

/* ------------------------------------------------------------------------------------------------------- judging */

/* What a front may say without proof: it could as well say nothing. None of it is about a PIN or a key. */
static const enum reason believable[] = {
    REASON_MALFORMED, REASON_NOT_PERMITTED, REASON_UNLOCK_REQUIRED, REASON_CHALLENGE_STALE, REASON_LIMIT,
    REASON_BUSY,      REASON_UNAVAILABLE,   REASON_DEADLINE,        REASON_INTERNAL,
};

static bool is_believable(const struct method *method, const struct failure *failure)
{
    const enum reason *reason;

    if (failure->is_authentic || method->proof == PROOF_PLAIN)
        return true;
    for (EACH_ROW(reason, believable))
        if (*reason == failure->reason)
            return true;
    return false;
}

/*
 * What is not repeated by itself and was on its way when the server, or behind the front the signer, fell silent. To ask
 * again might do it twice; to give up, leave it done.
 */
static bool is_outcome_unknown(const struct method *method, const struct channel_reply *reply,
                               const struct failure *failure)
{
    if (method->repeat != REPEAT_NEVER)
        return false;
    if (failure)
        return failure->reason == REASON_UNAVAILABLE && !failure->is_authentic;
    return reply->was_sent && (reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_DEADLINE_EXCEEDED);
}

static CK_RV unknown_outcome(const struct method *method, CK_RV rv, struct remote_error *error)
{
    return remote_error_set(error, rv,
                            "%s: no answer came back, so this was done or was not: look which before you ask "
                            "for it again",
                            method->name);
}

static CK_RV refused_without_failure(const struct method *method, const struct channel_reply *reply,
                                     struct remote_error *error)
{
    CK_RV rv = reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_DEADLINE_EXCEEDED
                   ? CKR_DEVICE_REMOVED
                   : CKR_DEVICE_ERROR;

    if (reply->status == GRPC_UNIMPLEMENTED)
        return remote_error_set(error, CKR_FUNCTION_NOT_SUPPORTED,
                                "%s: the proxy does not know this call: it is of an older version than this "
                                "program, or serves it at another address",
                                method->name);
    if (is_outcome_unknown(method, reply, NULL))
        return unknown_outcome(method, rv, error);
    return remote_error_set(error, rv, "%s", reply->detail);
}

CK_RV remote_refused(struct remote *remote, const struct method *method, struct bytes key,
                     struct bytes binding, const struct channel_reply *reply, struct remote_error *error)
{
    struct failure failure;
    const struct reason_row *row;

    if (reply->failure.len == 0)
        return refused_without_failure(method, reply, error);
    if (failure_decode(remote->libctx, buffer_bytes(&reply->failure), method, key, binding, &failure) < 0)
        return remote_error_set(error, CKR_DEVICE_ERROR, "%s: the server's answer cannot be read",
                                method->name);
    row = reason_row(failure.reason);
    if (is_outcome_unknown(method, reply, &failure))
        (void)unknown_outcome(method, row->rv, error);
    else if (is_believable(method, &failure))
        (void)remote_error_set(error, row->rv, "%s: %s%s%s", method->name, row->sentence,
                               *failure.detail ? " " : "", failure.detail);
    else
        (void)remote_error_set(error, CKR_DEVICE_ERROR, "%s: the answer %s is not proved to be a signer's",
                               method->name, row->word);
    error->failure = failure;
    return error->rv;
}

/* -------------------------------------------------------------------------------------------------------- messages */

struct secret_sink {
    ProtobufCBuffer base; /* first: protobuf-c hands this back to us */
    struct secret *secret;
    size_t len;
};

static void sink_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    struct secret_sink *sink = (struct secret_sink *)base;

    if (len <= sink->secret->len - sink->len)
        memcpy(sink->secret->data + sink->len, data, len);
    sink->len += len;
}

int remote_pack_secret(const ProtobufCMessage *message, struct secret **ret)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    CLEANUP(secret_free) struct secret *packed = NULL;
    int r = size ? secret_new(size, &packed) : secret_copy(BYTES_NONE, &packed);
    struct secret_sink sink = { .base = { .append = sink_append }, .secret = packed };

    if (r < 0)
        return r;
    protobuf_c_message_pack_to_buffer(message, &sink.base);
    if (sink.len != size)
        return -EIO;
    *ret = TAKE(packed);
    return 0;
}

CK_RV remote_unpack(const struct method *method, struct bytes message, ProtobufCMessage **ret,
                    struct remote_error *error)
{
    *ret = protobuf_c_message_unpack(method->reply, NULL, message.len, message.data);
    return *ret ? CKR_OK
                : remote_error_set(error, CKR_DEVICE_ERROR, "%s: the server's answer cannot be read",
                                   method->name);
}

CK_RV remote_plain_until(struct remote *remote, enum method_id id, const ProtobufCMessage *request,
                         int64_t deadline_ms, ProtobufCMessage **ret_reply, struct remote_error *error)
{
    const struct method *method = method_by_id(id);
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    int r = pack_append(request, &message);

    if (r < 0)
        return remote_error_errno(error, r, method->name);
    remote_carry(remote, method, buffer_bytes(&message), deadline_ms, &reply);
    memcpy(error->request_id, reply.request_id, sizeof(error->request_id));
    if (reply.status != GRPC_OK)
        return remote_refused(remote, method, BYTES_NONE, BYTES_NONE, &reply, error);
    return remote_unpack(method, buffer_bytes(&reply.body), ret_reply, error);
}

/* --------------------------------------------------------------------------------------------------------- sealing */

/* The bytes to seal: they hold S, a code or a signature over the challenge. */
static int make_plaintext(struct remote *remote, const struct method *method, const struct sealed_body *body,
                          struct bytes challenge, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *request = NULL;
    CLEANUP(buffer_clear) struct buffer signed_request = { 0 };
    int r = remote_pack_secret(body->request, &request);

    if (r < 0)
        return r;
    if (!body->key) {
        *ret = TAKE(request);
        return 0;
    }
    r = operator_proof_make(remote->libctx, remote->deployment->realm, method, challenge,
                            secret_bytes(request), (uint64_t)time(NULL) + OPERATOR_EXPIRY_S, body->key,
                            body->chain, &signed_request);
    return r < 0 ? r : secret_copy(buffer_bytes(&signed_request), ret);
}

/* One round of remote_sealed(). */
static CK_RV sealed_once(struct remote *remote, const struct method *method, const struct sealed_body *body,
                         const struct seal_target *target, int64_t deadline_ms, struct secret **ret,
                         bool *ret_was_repeated, struct remote_error *error)
{
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };
    struct bytes challenge = BYTES_OF_ARRAY(target->challenge);
    int r = make_plaintext(remote, method, body, challenge, &plaintext);

    if (r == 0)
        r = seal_request(remote->libctx, remote->deployment->realm, method, BYTES_OF_ARRAY(target->key),
                         challenge, secret_bytes(plaintext), &call, &message);
    *ret_was_repeated = false;
    if (r < 0)
        return remote_error_errno(error, r, method->name);
    *ret_was_repeated = remote_carry(remote, method, buffer_bytes(&message), deadline_ms, &reply);
    memcpy(error->request_id, reply.request_id, sizeof(error->request_id));
    if (reply.status != GRPC_OK)
        return remote_refused(remote, method, secret_bytes(call.failure_key), challenge, &reply, error);
    r = seal_open_reply(remote->libctx, method, &call, buffer_bytes(&reply.body), ret);
    return r < 0 ? remote_error_errno(error, r, "the answer is not a signer's") : CKR_OK;
}

CK_RV remote_sealed(struct remote *remote, const struct method *method, const struct sealed_body *body,
                    struct seal_target *target, int64_t deadline_ms, struct secret **ret,
                    struct remote_error *error)
{
    unsigned stale = 0;

    for (;;) {
        bool was_repeated;
        CK_RV rv = sealed_once(remote, method, body, target, deadline_ms, ret, &was_repeated, error);

        if (rv == CKR_OK || error->failure.reason != REASON_CHALLENGE_STALE || !error->failure.has_challenge)
            return rv;
        memcpy(target->challenge, error->failure.challenge, CHALLENGE_LEN);
        /* A signer whose store fails over uses the challenge up before it says "busy": the repeat's is stale. */
        stale += !was_repeated;
        if (stale == STALE_ROUNDS || !clock_left_ms(deadline_ms)) {
            error->rv = CKR_DEVICE_ERROR;
            return error->rv;
        }
    }
}

CK_RV remote_seal_target(struct remote *remote, struct bytes challenge,
                         const ProtobufCBinaryData *certificates, size_t count, struct seal_target *ret,
                         struct remote_error *error)
{
    struct bytes ders[CERTIFICATES_MAX];
    const char *why;

    if (challenge.len != CHALLENGE_LEN || count == 0 || count > CERTIFICATES_MAX)
        return remote_error_set(error, CKR_DEVICE_ERROR,
                                "the server sent no challenge or no sealing certificate");
    for (size_t i = 0; i < count; i++)
        ders[i] = pack_lend(&certificates[i]);
    if (sealing_key(&remote->sealing, remote->libctx, remote->trust, ders, count, ret->key, &why) < 0)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the server's sealing certificate is refused: %s",
                                why);
    memcpy(ret->challenge, challenge.data, CHALLENGE_LEN);
    return CKR_OK;
}
