/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h - which signer answers a request, and the sockets to the signers.
 *
 * A request that names a signer (by its lease or challenge) goes there; any other to the one with the least to do. A
 * signer is sent a few requests at a time, the rest waits here in a bounded queue, fair to each certificate (queue.h),
 * where it can still be withdrawn. What each method takes is learned from the signers' answers; a request that would be
 * done too late for its caller is refused at once, and once more looked at when its turn comes.
 *
 * A signer that leaves says so, is sent no more, and answers what it has. A signer may also die. What its socket has not
 * taken yet goes elsewhere. What was sent goes elsewhere once if its method is REPEAT_SAFE; if not, nobody knows whether it
 * was done, and the answer is REASON_UNAVAILABLE. Without any signer that is able, requests wait for one, two seconds: then
 * they are refused as if they had never come, and so is what comes after them, for the deployment may have another proxy.
 * What asks for the partition signer always waits for that one.
 */
#pragma once

#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/method.h"
#include "proxy/front/context.h"

#define PEER_MAX_LEN 64 /* "[address]:port" */

struct route;
struct call;

/* A signer's answer, or the front's own in its place. Borrowed until the callback returns. */
struct answer {
    bool is_refused;    /* nobody has seen the request: the rest is empty */
    enum reason reason; /* the front's own: the rest is empty. REASON_NONE: the signer answered */
    uint32_t grpc_status;
    struct bytes body;    /* with GRPC_OK */
    struct bytes failure; /* otherwise: a serialized Failure */
    const char *message;
};

/* Called once for each call, from the event loop, never from within route_submit(). */
typedef void route_done(void *owner, const struct answer *answer);

/* All borrowed but for @body, which is taken over. */
struct request {
    const struct method *method;
    struct buffer *body;             /* the gRPC message; becomes empty when the request is accepted */
    size_t message_at;               /* where in @body the message starts: behind its prefix */
    const uint8_t *certificate_hash; /* NULL: the client has none */
    const char *peer;                /* shorter than PEER_MAX_LEN */
    const char *request_id;
    const char *traceparent; /* parsed, or "" */
    uint64_t deadline_ms;    /* on the clock of front_now_ms() */
};

/* No signer is there until route_attach(). Errors: -ENOMEM. */
MUST_CHECK int route_new(struct front *front, struct route **ret);
void route_free(struct route *route); /* forgets every call without an answer */

/* Signer @index answers on @socket from now on (taken over). Errors: -EINVAL (no such signer), -ENOMEM. */
MUST_CHECK int route_attach(struct route *route, unsigned index, int socket);
/* How many calls wait or are at signers. */
unsigned route_calls(const struct route *route);
bool route_is_serving(const struct route *route); /* is any signer there? */

/*
 * Errors: -EBUSY (the queue is full, or it would be done too late), -EHOSTDOWN (no signer for too long), -ENOMEM. @ret stays valid until @done is called
 * or the call is cancelled.
 */
MUST_CHECK int route_submit(struct route *route, const struct request *request, route_done *done, void *owner,
                            struct call **ret);
/* Nobody waits for the answer any more. */
void route_cancel(struct call *call);
/* When somebody who was refused had better ask again: as long as what waits at the signer with the least takes. */
unsigned route_retry_after_ms(struct route *route);
