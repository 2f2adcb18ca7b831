/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_session.c - authenticated encryption under the keys of a lease.
 *
 * First the keys, then everything else: a message that is not the lease's neither keeps it alive nor uses up a
 * sequence number. The same message again gets the same answer, so a lost answer costs no second signature.
 */
#include "proxy/signer/exchange.h"

#include <string.h>

#include "proto/digest.h"
#include "proto/session_keys.h"

/* A lease lives with the certificate it was made for; under another it might as well not be here. */
static struct lease *find_lease(struct exchange *exchange, const Privyseal__V1__Session *session)
{
    struct lease *lease =
        leases_find(exchange->service->leases, pack_lend(&session->lease), exchange->call.now_ms);

    if (!lease || !bytes_equal(pack_lend(&exchange->envelope->certificate_hash),
                               BYTES_OF_ARRAY(lease->caller.certificate_hash)))
        return NULL;
    return lease;
}

static void bind_failures(struct exchange *exchange, const struct lease *lease, uint64_t sequence)
{
    exchange->sequence = sequence;
    memcpy(exchange->binding, lease->keys.lease, LEASE_LEN);
    for (size_t i = 0; i < 8; i++)
        exchange->binding[LEASE_LEN + i] = (uint8_t)(sequence >> (56 - 8 * i));
}

static enum reason use_lease(struct exchange *exchange, const Privyseal__V1__Session *session,
                             struct lease *lease)
{
    struct service *service = exchange->service;
    uint8_t hash[HASH_LEN];
    enum reason reason = lease_recheck(service->leases, &service->access, lease, exchange->call.now_ms);

    if (reason != REASON_NONE)
        return reason; /* the lease is gone */
    exchange->is_proved = true;
    exchange->call.lease = lease;
    exchange->call.caller = lease->caller;
    exchange->call.token = lease->token;
    exchange->call.has_token = true;
    bind_failures(exchange, lease, session->sequence);
    if (digest_sha256(NULL, pack_lend(&session->ciphertext), hash) < 0)
        return REASON_INTERNAL;
    reason = lease_window_enter(lease, session->sequence, hash, &exchange->kept);
    exchange->keeps_reply = reason == REASON_NONE && !exchange->kept;
    return reason;
}

static enum reason open_session(struct exchange *exchange, struct secret **ret_request)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *request = NULL;
    const Privyseal__V1__Session *session;
    struct lease *lease;
    enum reason reason;

    if (message_unpack(&privyseal__v1__session__descriptor, pack_lend(&exchange->envelope->body), &message) <
        0)
        return REASON_MALFORMED;
    session = (const Privyseal__V1__Session *)message;
    lease = find_lease(exchange, session);
    if (!lease)
        return REASON_UNLOCK_REQUIRED;
    if (session_open_request(NULL, &lease->keys, exchange->call.method, session, &request) < 0)
        return REASON_MALFORMED;
    reason = use_lease(exchange, session, lease);
    if (reason == REASON_NONE)
        *ret_request = TAKE(request);
    return reason;
}

static int protect_session(const struct exchange *exchange, struct bytes reply, struct buffer *ret)
{
    return session_reply(NULL, &exchange->call.lease->keys, exchange->call.method, exchange->sequence, reply,
                         ret);
}

static void session_failure_key(const struct exchange *exchange, struct bytes *ret_key,
                                struct bytes *ret_binding)
{
    *ret_key = secret_bytes(exchange->call.lease->keys.failure_key);
    *ret_binding = BYTES_OF_ARRAY(exchange->binding);
}

const struct proof_ops proof_session = { open_session, protect_session, session_failure_key };
