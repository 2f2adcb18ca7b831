/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch.h - bytes in, bytes out: one envelope, one reply. No socket, so tests and fuzzers call it.
 *
 * unpack envelope -> method row -> identity -> proof (plain, sealed, operator, session) -> permission -> handler
 * -> record -> protect the answer. Every way out gives a serialized EnvelopeReply.
 */
#pragma once

#include "include/bytes.h"
#include "proxy/service/service.h"

/*
 * @envelope: a serialized Envelope (without its frame). @ret: appended, a serialized EnvelopeReply, which leaves after
 * audit_flush() and not before.
 */
void dispatch(struct service *service, struct bytes envelope, struct buffer *ret);
/*
 * The same while the store makes another call wait: what needs a lease and a key alone is done; whoever needs the store
 * is told to ask again in a moment. leases_hold() is in force.
 */
void dispatch_meanwhile(struct service *service, struct bytes envelope, struct buffer *ret);
