/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the stream to one signer: calls go out, replies come in, and the signer says how it is.
 *
 * A link is up while a signer is there. It takes calls unless the signer leaves (it answers what it was sent, and takes no
 * more) or its HSM is ill. What it was sent stays in its list until the answer comes, even if nobody waits for it any more,
 * because the signer is still busy with it. Where calls go is route.c's to say, which hears of everything by link_ops.
 */
#pragma once

#include "proxy/front/call.h"
#include "proxy/front/deadline.h"
#include "proxy/front/estimate.h"
#include "proxy/front/flow.h"
#include "proxy/front/queue.h"

struct link;

struct link_ops {
    /* The answer to @call, which is in no list any more. */
    void (*answered)(struct link *link, struct call *call, const Privyseal__V1__EnvelopeReply *reply);
    /* Answers came: there may be room for more calls. */
    void (*eased)(struct link *link);
    /* The signer leaves, or its HSM fell ill or got well. */
    void (*changed)(struct link *link);
    /* The signer is gone; what it was sent, or was to be sent, is still in the list. */
    void (*lost)(struct link *link);
};

struct link {
    const struct link_ops *ops;
    struct front *front;
    unsigned index;
    unsigned hsm; /* the signer's */
    struct flow flow;
    struct buffer in; /* the beginning of a reply, the rest of which has not come yet */
    bool is_leaving;
    bool is_ill; /* its HSM is: nothing is sent to it until it says otherwise */
    struct queue queue;
    struct call_list sent;
    unsigned sent_count;
    uint64_t sent_us; /* the time that what is sent is thought to take */
    struct estimate estimate;
    struct deadline stuck; /* set while anything is sent */
    struct round_task writing;
};

void link_init(struct link *link, struct front *front, unsigned index, const struct link_ops *ops);
void link_clear(struct link *link); /* the calls are the caller's to free */

/* A signer answers on @socket from now on (taken over). Errors: -ENOMEM. */
MUST_CHECK int link_attach(struct link *link, int socket);
bool link_is_up(const struct link *link);
bool link_takes_calls(const struct link *link);
bool link_may_send(const struct link *link); /* now: a signer is sent little in advance */

/* Errors: -ENOMEM. */
MUST_CHECK int link_send(struct link *link, struct call *call);
/* Takes @call out of the list of what was sent. */
void link_forget(struct link *link, struct call *call);
