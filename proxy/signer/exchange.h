/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one envelope on its way through the dispatcher, and the four kinds of proof that open and close it.
 */
#pragma once

#include "proto/envelope.pb-c.h"
#include "proto/seal.h"
#include "proxy/service/message.h"
#include "proxy/service/service.h"

/* What a session's Failure is bound to: lease, sequence (8 bytes, big-endian). */
#define SESSION_BINDING_LEN (LEASE_LEN + 8)

struct exchange {
    struct service *service;
    const struct proof_ops *proof;
    const Privyseal__V1__Envelope *envelope;
    struct call call;
    ProtobufCMessage *request; /* the method's own, opened */
    int64_t started_us;        /* CLOCK_MONOTONIC, for the record's latency */
    uint64_t store_us;         /* what the store had taken of all time until then */
    uint64_t audit_us;         /* that the record took */

    /* Set by a proof that holds: from then on a Failure carries a MAC. */
    bool is_proved;
    struct seal_call seal;                /* SEALED, OPERATOR */
    STACK_OF(X509) *presented;            /* OPERATOR */
    uint64_t sequence;                    /* SESSION */
    uint8_t binding[SESSION_BINDING_LEN]; /* SESSION */
    const struct buffer *kept; /* SESSION: the EnvelopeReply given to the same message before, or NULL */
    bool keeps_reply;          /* SESSION: a new number, whose answer a repeat will get */
};

/*
 * One kind of proof. open() believes nothing of the envelope's body until it has proved it, fills call.caller, and
 * gives the method's own request, serialized.
 */
struct proof_ops {
    enum reason (*open)(struct exchange *exchange, struct secret **ret_request);
    /* Protects a serialized reply. Errors: negative errno. */
    int (*protect)(const struct exchange *exchange, struct bytes reply, struct buffer *ret);
    /* Key and binding of a Failure's MAC; asked only once the proof holds. */
    void (*failure_key)(const struct exchange *exchange, struct bytes *ret_key, struct bytes *ret_binding);
};

/* The certificate as the front reports it. */
extern const struct proof_ops proof_plain;
/* HPKE; the request carries its own proof. */
extern const struct proof_ops proof_sealed;
/* HPKE around a request that is signed by the principal's certificate key. */
extern const struct proof_ops proof_operator;
/* The session keys of a lease. */
extern const struct proof_ops proof_session;

/* Opens the Sealed in the envelope's body; the challenge is used up. Shared by SEALED and OPERATOR. */
MUST_CHECK enum reason exchange_unseal(struct exchange *exchange, struct secret **ret);
int exchange_seal(const struct exchange *exchange, struct bytes reply, struct buffer *ret);
void exchange_seal_key(const struct exchange *exchange, struct bytes *ret_key, struct bytes *ret_binding);
