/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_operator.c - a sealed request that the principal's certificate key has signed. Chain, signature, expiry and
 * role are checked here: what the front says counts for nothing.
 */
#include "proxy/signer/exchange.h"

#include <errno.h>

#include "proto/operator_proof.h"
#include "proxy/service/refusal.h"

static int keep_presented(struct exchange *exchange, const Privyseal__V1__SignedRequest *signed_request)
{
    struct bytes ders[CERTIFICATES_MAX];
    int r;

    if (signed_request->n_certificates > CERTIFICATES_MAX)
        return -EINVAL;
    for (size_t i = 0; i < signed_request->n_certificates; i++)
        ders[i] = pack_lend(&signed_request->certificates[i]);
    r = certificate_parse_chain(NULL, ders, signed_request->n_certificates, &exchange->presented);
    exchange->call.presented = exchange->presented;
    return r;
}

static enum reason check_signature(struct exchange *exchange,
                                   const Privyseal__V1__SignedRequest *signed_request,
                                   struct secret **ret_request)
{
    struct service *service = exchange->service;
    struct call *call = &exchange->call;
    uint8_t certificate_hash[HASH_LEN];
    enum reason reason;
    int r = operator_proof_check(NULL, service->config->realm, call->method, call->challenge, signed_request,
                                 service->client_trust, (uint64_t)call->now_ms / 1000, certificate_hash);

    if (r == 0)
        r = keep_presented(exchange, signed_request);
    if (r < 0)
        return refusal_of_errno(r);
    reason = identity_find(&service->access, BYTES_OF_ARRAY(certificate_hash), call->now_ms, &call->caller);
    if (reason != REASON_NONE)
        return reason;
    return refusal_of_errno(secret_copy(pack_lend(&signed_request->body), ret_request));
}

static enum reason open_operator(struct exchange *exchange, struct secret **ret_request)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *inner = NULL;
    enum reason reason = exchange_unseal(exchange, &inner);

    if (reason != REASON_NONE)
        return reason;
    if (message_unpack(&privyseal__v1__signed_request__descriptor, secret_bytes(inner), &message) < 0)
        return REASON_MALFORMED;
    return check_signature(exchange, (const Privyseal__V1__SignedRequest *)message, ret_request);
}

const struct proof_ops proof_operator = { open_operator, exchange_seal, exchange_seal_key };
