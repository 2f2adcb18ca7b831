/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - calls move between lists: the queue of a link, what its signer has been sent, and out.
 *
 * A call that nobody waits for any more is removed from a queue, but stays among those sent until its answer comes,
 * because the signer is still busy with it.
 */
#include "proxy/front/route.h"

#include <assert.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <string.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proto/envelope.pb-c.h"
#include "proto/limits.h"
#include "proxy/front/control.h"
#include "proxy/front/signer_frame.h"

#define SENT_MAX 32     /* two rounds of a signer: it never waits for us, and little is lost with it */
#define STUCK_MS 120000 /* no answer for so long, twice the longest deadline: the signer hangs */

TAILQ_HEAD(call_list, call);

struct call {
    TAILQ_ENTRY(call) entry;
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
    uint64_t received_ns, deadline_ms;
    int wanted; /* the signer it names; -1: any */
    bool is_sent, is_repeated, is_rerouted;
};

/* To one signer. */
struct link {
    struct route *route;
    unsigned index;
    struct bufferevent *bev; /* NULL: no signer there */
    struct call_list queue, sent;
    unsigned queue_count, sent_count;
    struct event stuck; /* runs while anything is sent */
};

struct route {
    struct front *front;
    uint64_t next_id;
    unsigned next_link; /* of equals the next in turn */
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

/* Takes the call out of its link's lists. */
static void call_remove(struct call *call)
{
    struct link *link = call->link;

    if (call->is_sent) {
        TAILQ_REMOVE(&link->sent, call, entry);
        link->sent_count--;
    } else {
        TAILQ_REMOVE(&link->queue, call, entry);
        link->queue_count--;
    }
    call->link = NULL;
    call->is_sent = false;
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

/* ------------------------------------------------------------------------------------------------- choosing */

static bool is_partition(const struct link *link)
{
    return link->index >= link->route->wrapped_count;
}

static unsigned load(const struct link *link)
{
    return link->queue_count + link->sent_count;
}

/* The wrapped signer with the least to do; one that is there, if any is. */
static struct link *least_loaded(struct route *route)
{
    unsigned start = route->next_link++;
    struct link *best = NULL;

    for (unsigned i = 0; i < route->wrapped_count; i++) {
        struct link *link = &route->links[(start + i) % route->wrapped_count];

        if (!best || (link->bev && !best->bev) || (!link->bev == !best->bev && load(link) < load(best)))
            best = link;
    }
    return best;
}

static struct link *choose(struct route *route, int wanted)
{
    struct link *link = wanted >= 0 && (unsigned)wanted < route->count ? &route->links[wanted] : NULL;

    if (link && (link->bev || is_partition(link)))
        return link;
    return least_loaded(route); /* a lease of a dead signer: any other says UNLOCK_REQUIRED, at once */
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
    envelope.body =
        (ProtobufCBinaryData){ call->body.len - call->message_at, call->body.data + call->message_at };
    envelope.received_ns = call->received_ns;
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

/* Sends from the queue what the signer may have by now. */
static void pump(struct link *link)
{
    struct call *call;

    while (link->bev && link->sent_count < SENT_MAX && (call = TAILQ_FIRST(&link->queue))) {
        if (write_envelope(link, call))
            return; /* no memory: it waits, and so does its deadline */
        call_remove(call);
        call->link = link;
        call->is_sent = true;
        TAILQ_INSERT_TAIL(&link->sent, call, entry);
        if (++link->sent_count == 1)
            watch_for_answers(link);
    }
}

static void enqueue(struct link *link, struct call *call)
{
    call->link = link;
    TAILQ_INSERT_TAIL(&link->queue, call, entry);
    link->queue_count++;
    pump(link);
}

static bool is_full(const struct link *link)
{
    return link->queue_count >= link->route->front->config->queue;
}

/* Finds the call a link, or answers that there is no room. */
static void place(struct route *route, struct call *call)
{
    struct link *link = choose(route, call->wanted);

    if (is_full(link))
        call_fail(call, REASON_BUSY);
    else
        enqueue(link, call);
}

/* ---------------------------------------------------------------------------------------- answers and deaths */

/*
 * The queue of a signer that is not there: nothing in it was done yet, so it may go anywhere. With nowhere else to go
 * calls come back to the end of the same queue, so they are counted; owners may take calls out meanwhile.
 */
static void give_queue_away(struct link *link)
{
    struct call *call;

    for (unsigned left = link->queue_count; left && (call = TAILQ_FIRST(&link->queue)); left--) {
        call_remove(call);
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
    while ((call = TAILQ_FIRST(&link->sent))) {
        call_remove(call);
        repeat_or_fail(link->route, call);
    }
    watch_for_answers(link);
    if (!is_partition(link))
        give_queue_away(link);
}

/* A signer that sends nonsense or nothing is of no use: the supervisor starts another. */
static void link_broken(struct link *link, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "front.signer_broken", "signer=%u why=\"%s\"", link->index, why);
    control_report_broken(link->route->front, link->index);
    link_down(link);
}

static struct call *find_sent(struct link *link, uint64_t id)
{
    struct call *call;

    TAILQ_FOREACH(call, &link->sent, entry)
    if (call->id == id)
        return call;
    return NULL;
}

static void deliver(struct route *route, struct call *call, const Privyseal__V1__EnvelopeReply *reply)
{
    struct answer answer = {
        .grpc_status = reply->grpc_status,
        .body = BYTES(reply->body.data, reply->body.len),
        .failure = BYTES(reply->failure.data, reply->failure.len),
        .message = reply->message,
    };

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
    if (call) {
        call_remove(call);
        deliver(link->route, call, reply);
    }
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    return call ? 0 : -EBADMSG;
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
    unsigned count = wrapped + (front->config->partitions ? 1 : 0);
    struct route *route;

    assert(wrapped > 0); /* config.c sees to it */
    route = calloc(1, sizeof(*route) + count * sizeof(route->links[0]));
    if (!route)
        return -ENOMEM;
    route->front = front;
    route->count = count;
    route->wrapped_count = wrapped;
    for (unsigned i = 0; i < count; i++) {
        struct link *link = &route->links[i];

        link->route = route;
        link->index = i;
        TAILQ_INIT(&link->queue);
        TAILQ_INIT(&link->sent);
        evtimer_assign(&link->stuck, front->base, on_stuck, link);
    }
    *ret = route;
    return 0;
}

static void link_clear(struct link *link)
{
    struct call *call;

    evtimer_del(&link->stuck);
    if (link->bev)
        bufferevent_free(link->bev);
    TAILQ_CONCAT(&link->queue, &link->sent, entry);
    while ((call = TAILQ_FIRST(&link->queue))) {
        TAILQ_REMOVE(&link->queue, call, entry);
        call_free(call);
    }
}

void route_free(struct route *route)
{
    if (!route)
        return;
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
    bufferevent_setcb(bev, on_read, NULL, on_event, &route->links[index]);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    pump(&route->links[index]);
    for (unsigned i = 0; i < route->wrapped_count;
         i++) /* those who waited for another that is not back yet */
        if (!route->links[i].bev)
            give_queue_away(&route->links[i]);
    return 0;
}

bool route_is_serving(const struct route *route)
{
    for (unsigned i = 0; i < route->wrapped_count; i++)
        if (route->links[i].bev)
            return true;
    return false;
}

int route_submit(struct route *route, const struct request *request, route_done *done, void *owner,
                 struct call **ret)
{
    CLEANUP(call_free) struct call *call = NULL;
    int wanted = method_route(request->method, BYTES(request->body->data + request->message_at,
                                                     request->body->len - request->message_at));
    struct link *link = choose(route, wanted);

    if (is_full(link))
        return -EBUSY;
    call = calloc(1, sizeof(*call));
    if (!call)
        return -ENOMEM;
    call->peer = strdup(request->peer);
    if (!call->peer)
        return -ENOMEM;
    call->id = ++route->next_id;
    call->done = done;
    call->owner = owner;
    call->method = request->method;
    call->message_at = request->message_at;
    call->received_ns = front_now_ns();
    call->deadline_ms = request->deadline_ms;
    call->wanted = wanted;
    call->has_certificate = request->certificate_hash != NULL;
    if (call->has_certificate)
        memcpy(call->certificate_hash, request->certificate_hash, HASH_LEN);
    memcpy(call->request_id, request->request_id, sizeof(call->request_id));
    call->body = *request->body;
    *request->body = (struct buffer){ 0 };
    *ret = call;
    enqueue(link, TAKE(call));
    return 0;
}

void route_cancel(struct call *call)
{
    call->done = NULL;
    if (call->is_sent) {
        buffer_clear(&call->body); /* it will not be repeated */
        return;
    }
    call_remove(call);
    call_free(call);
}
