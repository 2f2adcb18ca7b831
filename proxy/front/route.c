/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - calls move between lists: the queue of a link, what its signer has been sent, and out.
 *
 * A call that nobody waits for any more is removed from a queue, but stays among those sent until its answer comes,
 * because the signer is still busy with it. Refusals that another call brought about (it took the last place, or was
 * served before) are given at the end of the round, since that other is in the middle of its own business.
 */
#include "proxy/front/route.h"

#include <assert.h>
#include <errno.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/front/call.h"
#include "proxy/front/link.h"

#define RETRY_LEAST_MS 100 /* what a client is told that is refused: when to ask again */
#define RETRY_MOST_MS  2000
#define DESERTED_MS    2000 /* without a signer that is able: no restart takes so long, an HSM's trouble does */

struct route {
    struct front *front;
    uint64_t next_id;
    unsigned next_link;       /* of equals the next in turn */
    struct call_list refused; /* to be told so at the end of the round */
    struct round_task refusing;
    struct deadline deserted; /* set while calls wait and no signer is able */
    bool is_deserted;         /* it has passed */
    unsigned count, wrapped_count;
    struct link links[];
};

static struct route *route_of(const struct link *link)
{
    return link->front->route;
}

/* ---------------------------------------------------------------------------------------------------- calls */

static void call_enter(struct call *call, enum call_place place, struct link *link)
{
    call->place = place;
    call->link = link;
}

/* Takes the call out of its list. */
static void call_remove(struct call *call)
{
    if (call->place == CALL_SENT)
        link_forget(call->link, call);
    else if (call->place == CALL_QUEUED)
        queue_remove(&call->link->queue, &call->item);
    else if (call->place == CALL_REFUSED)
        TAILQ_REMOVE(&route_of(call->link)->refused, call, entry);
    call->place = CALL_NOWHERE;
}

/* The call is in no list: its owner hears soon that we are too busy. */
static void call_refuse(struct call *call, struct link *link, enum front_value why)
{
    struct route *route = route_of(link);

    call_enter(call, CALL_REFUSED, link);
    TAILQ_INSERT_TAIL(&route->refused, call, entry);
    round_put_off(&route->front->round, &route->refusing);
    front_count(route->front, why);
}

static void on_refusing(void *context)
{
    struct route *route = context;
    struct call *call;

    while ((call = TAILQ_FIRST(&route->refused))) {
        call_remove(call);
        call_fail(call, REASON_BUSY);
    }
}

/* ------------------------------------------------------------------------------------------------- choosing */

static bool is_partition(const struct link *link)
{
    return link->index >= route_of(link)->wrapped_count;
}

static uint64_t load(const struct link *link)
{
    return link->queue.cost_us + link->sent_us;
}

/* Higher is better: one that is able, and of another HSM than the call has failed at. */
static unsigned fitness(const struct link *link, int failed_at)
{
    return 2 * link_takes_calls(link) + ((int)link->hsm != failed_at);
}

/* The wrapped signer with the least to do; one that is able, if any is. */
static struct link *least_loaded(struct route *route, int failed_at)
{
    unsigned start = route->next_link++;
    struct link *best = NULL;

    for (unsigned i = 0; i < route->wrapped_count; i++) {
        struct link *link = &route->links[(start + i) % route->wrapped_count];
        unsigned fits = fitness(link, failed_at), fits_best = best ? fitness(best, failed_at) : 0;

        if (!best || fits > fits_best || (fits == fits_best && load(link) < load(best)))
            best = link;
    }
    return best;
}

static struct link *choose(struct route *route, int wanted, int failed_at)
{
    struct link *link = wanted >= 0 && (unsigned)wanted < route->count ? &route->links[wanted] : NULL;

    if (link && (is_partition(link) || (link_takes_calls(link) && (int)link->hsm != failed_at)))
        return link;
    /* A lease of a signer that cannot serve it: any other says UNLOCK_REQUIRED, at once. */
    return least_loaded(route, failed_at);
}

/* -------------------------------------------------------------------------------------------------- sending */

static void tell_waiting(const struct route *route)
{
    uint64_t waiting = 0;

    if (!route->front->metrics)
        return;
    for (unsigned i = 0; i < route->count; i++)
        waiting += route->links[i].queue.count;
    metrics_set(&route->front->metrics->values[FRONT_WAITING], waiting);
}

/*
 * Sends from the queue what the signer may have by now. What would be done too late it is not asked to do, as long as others
 * wait that it could do instead.
 */
static void pump(struct link *link)
{
    struct call *call;

    while (link_may_send(link) && (call = (struct call *)queue_next(&link->queue))) {
        bool is_alone = link->sent_count == 0 && link->queue.count == 0;

        if (!is_alone && estimate_is_late(link->sent_us, call->item.cost_us, call->deadline_ms))
            call_refuse(call, link, FRONT_REFUSED_LATE);
        else if (link_send(link, call))
            call_refuse(call, link, FRONT_REFUSED_FULL);
    }
    tell_waiting(route_of(link));
}

/* Nobody is able to serve what waits at @link, the best there is. Errors: -EHOSTDOWN (that lasts too long already). */
static int wait_for_signer(const struct link *link)
{
    struct route *route = route_of(link);

    if (link_takes_calls(link) || is_partition(link))
        return 0;
    if (route->is_deserted)
        return -EHOSTDOWN;
    if (!route->deserted.at_ms)
        deadline_set(&route->front->deadlines, &route->deserted, DESERTED_MS);
    return 0;
}

/*
 * What finds the link at leisure goes straight through. Errors: -EBUSY (no room), -EHOSTDOWN, -ENOMEM; the call is in no
 * list.
 */
static int enqueue(struct link *link, struct call *call)
{
    struct queue_item *pushed;
    int r = wait_for_signer(link);

    if (r < 0)
        return r;
    call->item.cost_us = estimate_us(&link->estimate, call->method);
    if (link->queue.count == 0 && link_may_send(link))
        return link_send(link, call);
    r = queue_add(&link->queue, call->has_certificate ? call->certificate_hash : NULL, &call->item, &pushed);
    if (r < 0)
        return r;
    call_enter(call, CALL_QUEUED, link);
    if (pushed)
        call_refuse((struct call *)pushed, link, FRONT_REFUSED_FULL);
    pump(link);
    return 0;
}

/* Finds the call a link, or answers that there is no room, or nobody. */
static void place(struct route *route, struct call *call)
{
    int r = enqueue(choose(route, call->wanted, call->failed_at), call);

    if (r == -EHOSTDOWN)
        call_answer(call, &(struct answer){ .is_refused = true });
    else if (r < 0)
        call_fail(call, REASON_BUSY);
}

/* No signer came in time: who waits here may be served by another proxy. Owners may take calls out meanwhile. */
static void on_deserted(void *context)
{
    struct route *route = context;
    struct call *call;

    log_event(LOG_LEVEL_ERROR, "front.deserted", "after_ms=%d", DESERTED_MS);
    route->is_deserted = true;
    for (unsigned i = 0; i < route->wrapped_count; i++)
        while ((call = (struct call *)queue_next(&route->links[i].queue))) {
            call_enter(call, CALL_NOWHERE, NULL);
            call_answer(call, &(struct answer){ .is_refused = true });
        }
    tell_waiting(route);
}

/* A signer came, or its HSM got well. */
static void end_desertion(struct route *route)
{
    if (!route_is_serving(route))
        return;
    deadline_clear(&route->deserted);
    route->is_deserted = false;
}

/* ---------------------------------------------------------------------------------------- answers and deaths */

/*
 * The queue of a signer that is not there: nothing in it was done yet, so it may go anywhere. With nowhere else to go
 * calls come back to the end of the same queue, so they are counted; owners may take calls out meanwhile.
 */
static void give_queue_away(struct link *link)
{
    struct call *call;

    for (unsigned left = link->queue.count; left && (call = (struct call *)queue_next(&link->queue));
         left--) {
        call_enter(call, CALL_NOWHERE, NULL);
        place(route_of(link), call);
    }
}

static void repeat_or_fail(struct route *route, struct call *call)
{
    if (!call->done) {
        call_free(call);
    } else if (!call->is_written) {
        place(route, call);
    } else if (call->method->repeat == REPEAT_SAFE && !call->is_repeated) {
        call->is_repeated = true;
        place(route, call);
    } else {
        call_fail(call, REASON_UNAVAILABLE);
    }
}

/* Whatever an owner does on hearing so, it can only take calls out of the lists. */
static void on_lost(struct link *link)
{
    struct call *call;

    while ((call = TAILQ_FIRST(&link->sent))) {
        call_remove(call);
        repeat_or_fail(route_of(link), call);
    }
    if (!is_partition(link))
        give_queue_away(link);
    watches_tell(link->front);
}

/* What waited for others may come here, and what waited here go to others. */
static void share_queues(struct route *route)
{
    for (unsigned i = 0; i < route->wrapped_count; i++)
        if (!link_takes_calls(&route->links[i]))
            give_queue_away(&route->links[i]);
}

static void on_changed(struct link *link)
{
    watches_tell(link->front);
    end_desertion(route_of(link));
    if (is_partition(link))
        return;
    if (link->is_leaving)
        give_queue_away(link);
    else
        share_queues(route_of(link));
}

/*
 * Whether a call that @link did not do, or not well, goes elsewhere: what was not begun may always, what has failed once,
 * if it does no harm twice and there is another HSM, or none that is well.
 */
static bool is_for_another(struct call *call, const struct link *link,
                           const Privyseal__V1__EnvelopeReply *reply)
{
    if (reply->not_begun)
        return true;
    if (!reply->hsm_failed || call->is_repeated || call->method->repeat != REPEAT_SAFE)
        return false;
    call->is_repeated = true;
    call->failed_at = (int)link->hsm;
    return link->is_ill || least_loaded(route_of(link), call->failed_at)->hsm != link->hsm;
}

static void on_answered(struct link *link, struct call *call, const Privyseal__V1__EnvelopeReply *reply)
{
    struct route *route = route_of(link);
    struct answer answer = {
        .grpc_status = reply->grpc_status,
        .body = BYTES(reply->body.data, reply->body.len),
        .failure = BYTES(reply->failure.data, reply->failure.len),
        .message = reply->message,
    };

    if (call->done && is_for_another(call, link, reply)) {
        place(route, call);
        return;
    }
    if (call->done && reply->reroute_to > 0 && reply->reroute_to <= route->count && !call->is_rerouted) {
        call->is_rerouted = true;
        call->wanted = (int)reply->reroute_to - 1;
        place(route, call);
        return;
    }
    if (reply->reroute_to > 0)
        answer = (struct answer){ .reason = REASON_UNAVAILABLE };
    else if (answer.body.len > call->method->reply_max)
        answer = (struct answer){ .reason = REASON_INTERNAL };
    call_answer(call, &answer);
}

/* --------------------------------------------------------------------------------------------------- public */

static const struct link_ops link_ops = {
    .answered = on_answered, .eased = pump, .changed = on_changed, .lost = on_lost
};

int route_new(struct front *front, struct route **ret)
{
    unsigned wrapped = front->config->signers;
    unsigned count = wrapped + front->config->partitions;
    struct route *route;

    assert(wrapped > 0); /* config.c sees to it */
    route = calloc(1, sizeof(*route) + count * sizeof(route->links[0]));
    if (!route)
        return -ENOMEM;
    route->front = front;
    route->count = count;
    route->wrapped_count = wrapped;
    route->refusing = (struct round_task){ .run = on_refusing, .context = route };
    route->deserted = (struct deadline){ .passed = on_deserted, .context = route };
    TAILQ_INIT(&route->refused);
    for (unsigned i = 0; i < count; i++)
        link_init(&route->links[i], front, i, &link_ops);
    *ret = route;
    return 0;
}

static void forget(struct call_list *list)
{
    struct call *call;

    while ((call = TAILQ_FIRST(list))) {
        call_remove(call);
        call_free(call);
    }
}

void route_free(struct route *route)
{
    struct call *call;

    if (!route)
        return;
    forget(&route->refused);
    round_forget(&route->front->round, &route->refusing);
    deadline_clear(&route->deserted);
    for (unsigned i = 0; i < route->count; i++) {
        forget(&route->links[i].sent);
        while ((call = (struct call *)queue_next(&route->links[i].queue)))
            call_free(call);
        link_clear(&route->links[i]);
    }
    free(route);
}

int route_attach(struct route *route, unsigned index, int socket)
{
    CLEANUP(descriptor_close) int owned = socket;
    int r;

    if (index >= route->count)
        return -EINVAL;
    r = link_attach(&route->links[index], TAKE_DESCRIPTOR(owned));
    if (r < 0)
        return r;
    end_desertion(route);
    pump(&route->links[index]);
    share_queues(route);
    watches_tell(route->front);
    return 0;
}

unsigned route_calls(const struct route *route)
{
    unsigned calls = 0;

    for (unsigned i = 0; i < route->count; i++)
        calls += route->links[i].sent_count + route->links[i].queue.count;
    return calls;
}

bool route_is_serving(const struct route *route)
{
    for (unsigned i = 0; i < route->wrapped_count; i++)
        if (link_takes_calls(&route->links[i]))
            return true;
    return false;
}

unsigned route_retry_after_ms(struct route *route)
{
    uint64_t ms = load(least_loaded(route, -1)) / 1000;

    return ms < RETRY_LEAST_MS ? RETRY_LEAST_MS : ms > RETRY_MOST_MS ? RETRY_MOST_MS : (unsigned)ms;
}

int route_submit(struct route *route, const struct request *request, route_done *done, void *owner,
                 struct call **ret)
{
    CLEANUP(call_free) struct call *call = NULL;
    int wanted = method_route(request->method, BYTES(request->body->data + request->message_at,
                                                     request->body->len - request->message_at));
    struct link *link = choose(route, wanted, -1);
    uint64_t cost_us = estimate_us(&link->estimate, request->method);
    uint64_t ahead_us = queue_wait_us(&link->queue, request->certificate_hash, cost_us) + link->sent_us;
    int r;

    if (link_takes_calls(link) && ahead_us && estimate_is_late(ahead_us, cost_us, request->deadline_ms)) {
        front_count(route->front, FRONT_REFUSED_LATE);
        return -EBUSY;
    }
    r = call_new(request, ++route->next_id, &call);
    if (r < 0)
        return r;
    call->wanted = wanted;
    call->done = done;
    call->owner = owner;
    r = enqueue(link, call);
    if (r < 0) {
        *request->body = call->body;
        call->body = (struct buffer){ 0 };
        if (r != -EHOSTDOWN)
            front_count(route->front, FRONT_REFUSED_FULL);
        return r;
    }
    *ret = TAKE(call);
    return 0;
}

void route_cancel(struct call *call)
{
    call->done = NULL;
    if (call->place == CALL_SENT) {
        buffer_clear(&call->body); /* it will not be repeated */
        return;
    }
    call_remove(call);
    call_free(call);
}
