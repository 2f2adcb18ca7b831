/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - a request on its way to a signer: what it says, who waits for it, and in which list it is.
 */
#pragma once

#include "proto/traceparent.h"
#include "proxy/front/queue.h"
#include "proxy/front/route.h"

struct link;

enum call_place { CALL_NOWHERE, CALL_QUEUED, CALL_SENT, CALL_REFUSED };

struct call {
    struct queue_item item;  /* first: what the queue gives back is the call */
    TAILQ_ENTRY(call) entry; /* when sent or refused */
    enum call_place place;
    struct link *link;
    uint64_t id;
    route_done *done; /* NULL: cancelled */
    void *owner;
    const struct method *method;
    struct buffer body;
    size_t message_at;
    bool has_certificate;
    uint8_t certificate_hash[HASH_LEN];
    char peer[PEER_MAX_LEN];
    char request_id[REQUEST_ID_LEN + 1];
    char traceparent[TRACEPARENT_LEN + 1];
    uint64_t received_ns, deadline_ms;
    int wanted;    /* the signer it names; -1: any */
    int failed_at; /* the HSM that failed it; -1: none yet */
    bool is_repeated, is_rerouted;
    bool is_written; /* the signer it was sent to may have got it */
};

TAILQ_HEAD(call_list, call);

/* Takes over the request's body. Errors: -ENOMEM. */
MUST_CHECK int call_new(const struct request *request, uint64_t id, struct call **ret);
void call_free(struct call *call);
DEFINE_CLEANUP(call_free, struct call *);

/* Gives the owner its answer, if there still is one. The call is in no list any more; this is the end of it. */
void call_answer(struct call *call, const struct answer *answer);
void call_fail(struct call *call, enum reason reason);
