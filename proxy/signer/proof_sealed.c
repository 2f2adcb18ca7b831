/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_sealed.c - HPKE to the signers' sealing key. RFC 9180.
 *
 * The challenge goes first: whoever captured a sealed message can send it again, but it opens nothing twice.
 */
#include "proxy/signer/exchange.h"

static const struct seal_epoch *find_epoch(const struct service *service, struct bytes key_id)
{
    for (size_t i = 0; i < service->seal_count; i++)
        if (bytes_equal(key_id, BYTES_OF_ARRAY(service->seal[i].key_id)))
            return &service->seal[i];
    return NULL;
}

static enum reason unseal(struct exchange *exchange, const Privyseal__V1__Sealed *sealed, struct secret **ret)
{
    struct service *service = exchange->service;
    const struct seal_epoch *epoch = find_epoch(service, pack_lend(&sealed->seal_key_id));
    enum reason reason =
        challenge_use(service->challenges, pack_lend(&sealed->challenge), exchange->call.now_ms);

    if (reason != REASON_NONE)
        return reason;
    if (!epoch || seal_open_request(NULL, service->config->realm, exchange->call.method,
                                    secret_bytes(epoch->private_key), sealed, &exchange->seal, ret) < 0)
        return REASON_MALFORMED;
    exchange->is_proved = true;
    exchange->call.challenge = BYTES_OF_ARRAY(exchange->seal.challenge);
    return REASON_NONE;
}

enum reason exchange_unseal(struct exchange *exchange, struct secret **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;

    if (message_unpack(&privyseal__v1__sealed__descriptor, pack_lend(&exchange->envelope->body), &message) <
        0)
        return REASON_MALFORMED;
    return unseal(exchange, (const Privyseal__V1__Sealed *)message, ret);
}

int exchange_seal(const struct exchange *exchange, struct bytes reply, struct buffer *ret)
{
    return seal_reply(NULL, exchange->call.method, &exchange->seal, reply, ret);
}

void exchange_seal_key(const struct exchange *exchange, struct bytes *ret_key, struct bytes *ret_binding)
{
    *ret_key = secret_bytes(exchange->seal.failure_key);
    *ret_binding = BYTES_OF_ARRAY(exchange->seal.challenge);
}

/* The certificate is the front's word here; the handler compares it with the one named inside the seal. */
static enum reason open_sealed(struct exchange *exchange, struct secret **ret_request)
{
    enum reason reason =
        identity_find(&exchange->service->access, pack_lend(&exchange->envelope->certificate_hash),
                      exchange->call.now_ms, &exchange->call.caller);

    return reason == REASON_NONE ? exchange_unseal(exchange, ret_request) : reason;
}

const struct proof_ops proof_sealed = { open_sealed, exchange_seal, exchange_seal_key };
