/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - the way out: what the front gets for an envelope, serialized and appended to @ret.
 *
 * Out of memory is remembered in @ret, which costs the stream; nothing here can fail otherwise.
 */
#pragma once

#include "proxy/signer/exchange.h"

/* @answer under the protection that the call's proof has. Errors: REASON_INTERNAL, REASON_LIMIT; nothing was appended. */
MUST_CHECK enum reason answer_reply(struct exchange *exchange, const ProtobufCMessage *answer,
                                    struct buffer *ret);
/* A Failure; under a MAC once caller and signer share a key. */
void answer_failure(struct exchange *exchange, enum reason reason, struct buffer *ret);
/* It belongs to the signer of call.reroute_to. */
void answer_reroute(const struct exchange *exchange, struct buffer *ret);
/* What the same message was answered before: exchange->kept. */
void answer_kept(const struct exchange *exchange, struct buffer *ret);
/* To an envelope without a method that we know. */
void answer_refusal(uint64_t id, enum grpc_status status, struct buffer *ret);
/* The HSM is ill: another signer is to be asked, nothing was done. */
void answer_not_begun(uint64_t id, struct buffer *ret);
/* To nothing: whether the HSM is well. Until the front has heard that it is ill, dispatch() sends calls back. */
void answer_news(bool is_well, struct buffer *ret);
