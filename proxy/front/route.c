/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - calls move between lists: the queue of a link, what its signer has been sent, and out.
 *
 * A call that nobody waits for any more is removed from a queue, but stays among those sent until its answer comes,
 * because the signer is still busy with it. Refusals that another call brought about (it took the last place, or was
 * served before) are given from the event loop, since that other is in the middle of its own business.
 */
#include "proxy/front/route.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/socket.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proto/envelope.pb-c.h"
#include "proto/limits.h"
#include "proto/traceparent.h"
#include "proxy/front/control.h"
#include "proxy/front/queue.h"
#include "proxy/front/signer_frame.h"

#define SENT_MAX 32 /* two rounds of a signer: it never waits for us, and little is lost with it */
#define SENT_FEW 2  /* so many always: one that is served, and the next */
#define SENT_US                                                                                              \
    20000 /* more is not sent than this is thought to last: what is sent has left its fair turn behind */
#define LEARNING       8   /* an estimate moves so great a part of the way to each new figure */
#define RETRY_LEAST_MS 100 /* what a client is told that is refused: when to ask again */
#define RETRY_MOST_MS  2000
#define STUCK_MS       120000 /* no answer for so long, twice the longest deadline: the signer hangs */

TAILQ_HEAD(call_list, call);

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
    char *peer;
    char request_id[REQUEST_ID_LEN + 1];
    char traceparent[TRACEPARENT_LEN + 1];
    uint64_t received_ns, deadline_ms;
    int wanted;    /* the signer it names; -1: any */
    int failed_at; /* the HSM that failed it; -1: none yet */
    bool is_repeated, is_rerouted;
};

/* To one signer. */
struct link {
    struct route *route;
    unsigned index;
    unsigned hsm;            /* the signer's */
    struct bufferevent *bev; /* NULL: no signer there */
    bool is_leaving;         /* it answers what it was sent, and takes no more */
    bool is_ill;             /* its HSM is: nothing is sent to it until it says otherwise */
    struct queue queue;
    struct call_list sent;
    unsigned sent_count;
    uint64_t sent_us;           /* the time that what is sent is thought to take */
    uint64_t spent_us[METHODS]; /* what a call takes, from the signer's answers; 0: none came yet */
    struct event stuck;         /* runs while anything is sent */
    struct event writing;       /* active: there is something to write */
};

struct route {
    struct front *front;
    uint64_t next_id;
    unsigned next_link;       /* of equals the next in turn */
    struct call_list refused; /* to be told so by the event */
    struct event refusing;
    unsigned count, wrapped_count;
    struct link links[];
};

/* ---------------------------------------------------------------------------------------------------- calls */

static void call_free(struct call *call)
{
    if (!call)
        return;
    buffer_clear(&call->body);
    free(call->peer);
    free(call);
}
DEFINE_CLEANUP(call_free, struct call *);

static void call_enter(struct call *call, enum call_place place, struct link *link)
{
    call->place = place;
    call->link = link;
}

/* Takes the call out of its list. */
static void call_remove(struct call *call)
{
    struct link *link = call->link;

    if (call->place == CALL_SENT) {
        TAILQ_REMOVE(&link->sent, call, entry);
        link->sent_count--;
        link->sent_us -= call->item.cost_us;
    } else if (call->place == CALL_QUEUED) {
        queue_remove(&link->queue, &call->item);
    } else if (call->place == CALL_REFUSED) {
        TAILQ_REMOVE(&link->route->refused, call, entry);
    }
    call->place = CALL_NOWHERE;
}

/* Gives the owner its answer, if there still is one. The call is in no list any more; the end of it. */
static void call_answer(struct call *call, const struct answer *answer)
{
    if (call->done)
        call->done(call->owner, answer);
    call_free(call);
}

static void call_fail(struct call *call, enum reason reason)
{
    call_answer(call, &(struct answer){ .reason = reason });
}

/* The call is in no list: its owner hears soon that we are too busy. */
static void call_refuse(struct call *call, struct link *link, enum front_value why)
{
    call_enter(call, CALL_REFUSED, link);
    TAILQ_INSERT_TAIL(&link->route->refused, call, entry);
    event_active(&link->route->refusing, EV_TIMEOUT, 1);
    front_count(link->route->front, why);
}

static void on_refusing(evutil_socket_t fd, short what, void *context)
{
    struct route *route = context;
    struct call *call;

    (void)fd;
    (void)what;
    while ((call = TAILQ_FIRST(&route->refused))) {
        call_remove(call);
        call_fail(call, REASON_BUSY);
    }
}

/* ------------------------------------------------------------------------------------------------- estimating */

static uint64_t estimate_us(const struct link *link, const struct method *method)
{
    uint64_t spent_us = link->spent_us[method->id];

    return spent_us ? spent_us : 1;
}

/* A refusal is soon given: who has many of them would make everybody's calls look short. */
static void learn(struct link *link, const struct method *method, const Privyseal__V1__EnvelopeReply *reply)
{
    uint64_t *known = &link->spent_us[method->id], spent_us = reply->spent_us;

    if (!spent_us || (reply->grpc_status != GRPC_OK && spent_us < *known))
        return;
    *known = *known ? (*known * (LEARNING - 1) + spent_us) / LEARNING : spent_us;
}

/*
 * Whether a call that has @ahead_us of work before it would be done too late. The estimate is a mean, and a call that takes
 * twice as long is nothing special. Nobody is refused for what an idle signer is thought to take: trying is how an
 * estimate that was once too high is corrected.
 */
static bool is_late(uint64_t ahead_us, uint64_t cost_us, uint64_t deadline_ms)
{
    return front_now_ns() / 1000 + ahead_us + 2 * cost_us > deadline_ms * 1000;
}

/* ------------------------------------------------------------------------------------------------- choosing */

static bool is_partition(const struct link *link)
{
    return link->index >= link->route->wrapped_count;
}

static bool takes_calls(const struct link *link)
{
    return link->bev && !link->is_leaving && !link->is_ill;
}

static uint64_t load(const struct link *link)
{
    return link->queue.cost_us + link->sent_us;
}

/* Higher is better: one that is able, and of another HSM than the call has failed at. */
static unsigned fitness(const struct link *link, int failed_at)
{
    return 2 * takes_calls(link) + ((int)link->hsm != failed_at);
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

    if (link && (is_partition(link) || (takes_calls(link) && (int)link->hsm != failed_at)))
        return link;
    /* A lease of a signer that cannot serve it: any other says UNLOCK_REQUIRED, at once. */
    return least_loaded(route, failed_at);
}

/* -------------------------------------------------------------------------------------------------- sending */

static uint32_t time_left(const struct call *call)
{
    uint64_t now_ms = front_now_ms();

    return call->deadline_ms > now_ms ? (uint32_t)(call->deadline_ms - now_ms) : 1;
}

/* Errors: -ENOMEM. */
static int write_envelope(struct link *link, const struct call *call)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;

    envelope.id = call->id;
    envelope.method = call->method->id;
    if (call->has_certificate)
        envelope.certificate_hash = (ProtobufCBinaryData){ HASH_LEN, (uint8_t *)call->certificate_hash };
    envelope.peer = call->peer;
    envelope.deadline_ms = time_left(call);
    envelope.request_id = (char *)call->request_id;
    envelope.traceparent = (char *)call->traceparent;
    envelope.body =
        (ProtobufCBinaryData){ call->body.len - call->message_at, call->body.data + call->message_at };
    envelope.received_ns = call->received_ns;
    event_active(&link->writing, EV_TIMEOUT, 1);
    return signer_frame_write(bufferevent_get_output(link->bev), &envelope);
}

static void watch_for_answers(struct link *link)
{
    struct timeval stuck = front_timeval(STUCK_MS);

    if (link->sent_count)
        evtimer_add(&link->stuck, &stuck);
    else
        evtimer_del(&link->stuck);
}

static bool may_send(const struct link *link)
{
    return takes_calls(link) && link->sent_count < SENT_MAX &&
           (link->sent_count < SENT_FEW || link->sent_us < SENT_US);
}

/* Errors: -ENOMEM. */
static int send_call(struct link *link, struct call *call)
{
    if (write_envelope(link, call))
        return -ENOMEM;
    call_enter(call, CALL_SENT, link);
    TAILQ_INSERT_TAIL(&link->sent, call, entry);
    link->sent_us += call->item.cost_us;
    if (++link->sent_count == 1)
        watch_for_answers(link);
    return 0;
}

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

    while (may_send(link) && (call = (struct call *)queue_next(&link->queue))) {
        bool is_alone = link->sent_count == 0 && link->queue.count == 0;

        if (!is_alone && is_late(link->sent_us, call->item.cost_us, call->deadline_ms))
            call_refuse(call, link, FRONT_REFUSED_LATE);
        else if (send_call(link, call))
            call_refuse(call, link, FRONT_REFUSED_FULL);
    }
    tell_waiting(link->route);
}

/* What finds the link at leisure goes straight through. Errors: -EBUSY (no room), -ENOMEM; the call is in no list. */
static int enqueue(struct link *link, struct call *call)
{
    struct queue_item *pushed;
    int r;

    call->item.cost_us = estimate_us(link, call->method);
    if (link->queue.count == 0 && may_send(link))
        return send_call(link, call);
    r = queue_add(&link->queue, call->has_certificate ? call->certificate_hash : NULL, &call->item, &pushed);
    if (r < 0)
        return r;
    call_enter(call, CALL_QUEUED, link);
    if (pushed)
        call_refuse((struct call *)pushed, link, FRONT_REFUSED_FULL);
    pump(link);
    return 0;
}

/* Finds the call a link, or answers that there is no room. */
static void place(struct route *route, struct call *call)
{
    if (enqueue(choose(route, call->wanted, call->failed_at), call))
        call_fail(call, REASON_BUSY);
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
        place(link->route, call);
    }
}

static void repeat_or_fail(struct route *route, struct call *call)
{
    if (!call->done) {
        call_free(call);
    } else if (call->method->repeat == REPEAT_SAFE && !call->is_repeated) {
        call->is_repeated = true;
        place(route, call);
    } else {
        call_fail(call, REASON_UNAVAILABLE);
    }
}

/* The signer is gone. Whatever an owner does on hearing so, it can only take calls out of the lists. */
static void link_down(struct link *link)
{
    struct call *call;

    bufferevent_free(TAKE(link->bev));
    link->is_leaving = false;
    while ((call = TAILQ_FIRST(&link->sent))) {
        call_remove(call);
        repeat_or_fail(link->route, call);
    }
    watch_for_answers(link);
    if (!is_partition(link))
        give_queue_away(link);
}

/* What waited for others may come here, and what waited here go to others. */
static void share_queues(struct route *route)
{
    for (unsigned i = 0; i < route->wrapped_count; i++)
        if (!takes_calls(&route->links[i]))
            give_queue_away(&route->links[i]);
}

static void link_heard(struct link *link, Privyseal__V1__HsmNews news)
{
    bool is_ill = news == PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;

    if (news == PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_NONE || link->is_ill == is_ill)
        return;
    link->is_ill = is_ill;
    log_event(LOG_LEVEL_NOTICE, "front.signer_hsm", "signer=%u is=%s", link->index, is_ill ? "ill" : "well");
    if (!is_partition(link))
        share_queues(link->route);
}

/* A signer that sends nonsense or nothing is of no use: the supervisor starts another. */
static void link_broken(struct link *link, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "front.signer_broken", "signer=%u why=\"%s\"", link->index, why);
    control_report_broken(link->route->front, link->index);
    link_down(link);
}

/* To one that leaves everything has been written then: it reads to the end, answers all of it, and is gone. */
static void on_written(struct bufferevent *bev, void *context)
{
    const struct link *link = context;

    if (evbuffer_get_length(bufferevent_get_output(bev)))
        return;
    bufferevent_disable(bev, EV_WRITE);
    if (link->is_leaving)
        shutdown(bufferevent_getfd(bev), SHUT_WR);
}

/*
 * What a round of the event loop brought is written in one go at its end. A bufferevent would first ask whether there is
 * room, which costs a round more and two calls for the asking: that is for what the socket does not take at once.
 */
static void on_writing(evutil_socket_t fd, short what, void *context)
{
    struct link *link = context;
    struct evbuffer *output;

    (void)fd;
    (void)what;
    if (!link->bev)
        return;
    output = bufferevent_get_output(link->bev);
    evbuffer_unfreeze(output, 1); /* its front is the bufferevent's, which writes nothing now */
    (void)evbuffer_write(output, bufferevent_getfd(link->bev));
    evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output))
        bufferevent_enable(link->bev, EV_WRITE); /* it will meet the error as well, if it was one */
    else
        on_written(link->bev, link);
}

/* A signer that is dismissed, or worn, says so first. What it has not been sent goes elsewhere. */
static void link_leaves(struct link *link)
{
    link->is_leaving = true;
    if (!is_partition(link))
        give_queue_away(link);
    on_written(link->bev, link);
}

static struct call *find_sent(struct link *link, uint64_t id)
{
    struct call *call;

    TAILQ_FOREACH (call, &link->sent, entry)
        if (call->id == id)
            return call;
    return NULL;
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
    return link->is_ill || least_loaded(link->route, call->failed_at)->hsm != link->hsm;
}

static void deliver(struct link *link, struct call *call, const Privyseal__V1__EnvelopeReply *reply)
{
    struct route *route = link->route;
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

/* Takes the next reply off the input. Errors: -EAGAIN (none is whole yet), -EBADMSG (nonsense, or not asked for). */
static int take_reply(struct link *link)
{
    Privyseal__V1__EnvelopeReply *reply;
    struct call *call;
    int error = signer_frame_read(bufferevent_get_input(link->bev), &reply);

    if (error)
        return error;
    call = find_sent(link, reply->id);
    link_heard(link, reply->hsm);
    if (reply->leaving) {
        link_leaves(link);
    } else if (call) {
        learn(link, call->method, reply);
        call_remove(call);
        deliver(link, call, reply);
    } else if (!reply->hsm) {
        error = -EBADMSG;
    }
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    return error;
}

static void on_read(struct bufferevent *bev, void *context)
{
    struct link *link = context;
    int error;

    (void)bev;
    while ((error = take_reply(link)) == 0)
        ;
    if (error != -EAGAIN) {
        link_broken(link, "it sent what is not a reply");
        return;
    }
    watch_for_answers(link);
    pump(link);
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
    struct link *link = context;

    (void)bev;
    (void)what; /* end of file and errors: the supervisor knows why */
    log_event(LOG_LEVEL_WARNING, "front.signer_gone", "signer=%u sent=%u", link->index, link->sent_count);
    link_down(link);
}

static void on_stuck(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    link_broken(context, "it did not answer for two minutes");
}

/* --------------------------------------------------------------------------------------------------- public */

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
    TAILQ_INIT(&route->refused);
    evtimer_assign(&route->refusing, front->base, on_refusing, route);
    for (unsigned i = 0; i < count; i++) {
        struct link *link = &route->links[i];

        link->route = route;
        link->index = i;
        link->hsm = proxy_config_hsm_of(front->config, i);
        queue_init(&link->queue, front->config->queue);
        TAILQ_INIT(&link->sent);
        evtimer_assign(&link->stuck, front->base, on_stuck, link);
        evtimer_assign(&link->writing, front->base, on_writing, link);
    }
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

static void link_clear(struct link *link)
{
    struct call *call;

    evtimer_del(&link->stuck);
    event_del(&link->writing);
    if (link->bev)
        bufferevent_free(link->bev);
    forget(&link->sent);
    while ((call = (struct call *)queue_next(&link->queue)))
        call_free(call);
}

void route_free(struct route *route)
{
    if (!route)
        return;
    forget(&route->refused);
    event_del(&route->refusing);
    for (unsigned i = 0; i < route->count; i++)
        link_clear(&route->links[i]);
    free(route);
}

int route_attach(struct route *route, unsigned index, int socket)
{
    CLEANUP(descriptor_close) int owned = socket;
    struct bufferevent *bev;

    if (index >= route->count || evutil_make_socket_nonblocking(socket) != 0)
        return -EINVAL;
    bev = bufferevent_socket_new(route->front->base, socket, BEV_OPT_CLOSE_ON_FREE);
    if (!bev)
        return -ENOMEM;
    owned = -1;
    if (route->links[index].bev)
        link_down(&route->links[index]);
    route->links[index].bev = bev;
    route->links[index].is_ill = false; /* it says so when it is not true */
    bufferevent_setcb(bev, on_read, on_written, on_event, &route->links[index]);
    bufferevent_disable(bev, EV_WRITE); /* until on_writing() finds no room */
    bufferevent_enable(bev, EV_READ);
    pump(&route->links[index]);
    share_queues(route);
    return 0;
}

bool route_is_serving(const struct route *route)
{
    for (unsigned i = 0; i < route->wrapped_count; i++)
        if (takes_calls(&route->links[i]))
            return true;
    return false;
}

unsigned route_retry_after_ms(struct route *route)
{
    uint64_t ms = load(least_loaded(route, -1)) / 1000;

    return ms < RETRY_LEAST_MS ? RETRY_LEAST_MS : ms > RETRY_MOST_MS ? RETRY_MOST_MS : (unsigned)ms;
}

/* Errors: -ENOMEM. */
static int call_new(struct route *route, const struct request *request, struct call **ret)
{
    CLEANUP(call_free) struct call *call = calloc(1, sizeof(*call));

    if (!call)
        return -ENOMEM;
    call->peer = strdup(request->peer);
    if (!call->peer)
        return -ENOMEM;
    call->id = ++route->next_id;
    call->method = request->method;
    call->message_at = request->message_at;
    call->received_ns = front_now_ns();
    call->deadline_ms = request->deadline_ms;
    call->has_certificate = request->certificate_hash != NULL;
    if (call->has_certificate)
        memcpy(call->certificate_hash, request->certificate_hash, HASH_LEN);
    memcpy(call->request_id, request->request_id, sizeof(call->request_id));
    strcpy(call->traceparent, request->traceparent);
    call->body = *request->body;
    *request->body = (struct buffer){ 0 };
    *ret = TAKE(call);
    return 0;
}

int route_submit(struct route *route, const struct request *request, route_done *done, void *owner,
                 struct call **ret)
{
    CLEANUP(call_free) struct call *call = NULL;
    int wanted = method_route(request->method, BYTES(request->body->data + request->message_at,
                                                     request->body->len - request->message_at));
    struct link *link = choose(route, wanted, -1);
    uint64_t cost_us = estimate_us(link, request->method);
    uint64_t ahead_us = queue_wait_us(&link->queue, request->certificate_hash, cost_us) + link->sent_us;
    int r;

    if (takes_calls(link) && ahead_us && is_late(ahead_us, cost_us, request->deadline_ms)) {
        front_count(route->front, FRONT_REFUSED_LATE);
        return -EBUSY;
    }
    r = call_new(route, request, &call);
    if (r < 0)
        return r;
    call->wanted = wanted;
    call->failed_at = -1;
    call->done = done;
    call->owner = owner;
    r = enqueue(link, call);
    if (r < 0) {
        *request->body = call->body;
        call->body = (struct buffer){ 0 };
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
