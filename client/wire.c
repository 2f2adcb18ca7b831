/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - who waits, who leads, and who calls whom. */
#include "client/wire.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/dial.h"
#include "client/tls.h"
#include "client/wire_state.h"
#include "include/table.h"

#define SILENCE_MS 1000 /* with calls out, until the server is asked whether it is there */
#define ANSWER_MS  3000 /* that it has for saying yes: a lost packet or two, a busy machine */
#define QUIET_MS   5    /* one that was used so lately is not asked whether it is still there */
#define GATHER_MS  2    /* that calls are left to a leader who has not come back to send them */

/* -------------------------------------------------------------------------------------------------- calling */

static void call_later(struct wire *wire, struct wire_seat *seat)
{
    struct wire_wakes *wakes = &wire->wakes;

    if (wakes->count < ARRAY_SIZE(wakes->seats))
        wakes->seats[wakes->count++] = seat;
    else
        wire_seat_call(seat);
}

/*
 * While calls wait, somebody leads or was called to. A call that does not sit yet will look around by itself; one that
 * was called and is over before it comes leaves the place to the next (wire_call_end()).
 */
static void appoint_leader(struct wire *wire)
{
    struct wire_call *call = wire->has_leader || wire->appointed ? NULL : wire->first;

    while (call && !call->is_seated)
        call = call->next;
    if (!call)
        return;
    wire->appointed = call;
    call_later(wire, call->seat);
}

/* The caller has a reference of the wire: so its seats stay. */
void wire_unlock(struct wire *wire)
{
    struct wire_wakes wakes;

    appoint_leader(wire);
    wakes.count = wire->wakes.count;
    memcpy(wakes.seats, wire->wakes.seats, wakes.count * sizeof(*wakes.seats));
    wire->wakes.count = 0;
    pthread_mutex_unlock(&wire->lock);
    for (size_t i = 0; i < wakes.count; i++)
        wire_seat_call(wakes.seats[i]);
}

/* --------------------------------------------------------------------------------------------- ends of calls */

static void list_add(struct wire *wire, struct wire_call *call)
{
    call->previous = wire->last;
    *(wire->last ? &wire->last->next : &wire->first) = call;
    wire->last = call;
}

static void list_remove(struct wire *wire, struct wire_call *call)
{
    *(call->previous ? &call->previous->next : &wire->first) = call->next;
    *(call->next ? &call->next->previous : &wire->last) = call->previous;
}

void wire_call_end(struct wire *wire, struct wire_call *call, enum wire_end end)
{
    call->end = end;
    /* What nghttp2 still has to say of the stream is nobody's. */
    (void)nghttp2_session_set_stream_user_data(wire->session, call->stream, NULL);
    list_remove(wire, call);
    if (wire->appointed == call)
        wire->appointed = NULL;
    if (call->is_seated)
        call_later(wire, call->seat);
    wire->expected++;
    atomic_store_explicit(&call->is_over, true, memory_order_release);
}

void wire_give_up(struct wire *wire)
{
    enum wire_end sent_end = wire->is_silent ? WIRE_SILENT : WIRE_CUT_OFF;

    wire->is_broken = true;
    while (wire->first)
        wire_call_end(wire, wire->first, wire->first->was_sent ? sent_end : WIRE_REFUSED);
}

static bool is_over(const struct wire_call *call)
{
    return atomic_load_explicit(&call->is_over, memory_order_acquire);
}

/* -------------------------------------------------------------------------------------------------- waiting */

/*
 * Asks a server that says nothing whether it is still there, and gives it up when it does not answer that either.
 * Returns how long nothing need be done about it.
 */
static unsigned mind_silence(struct wire *wire)
{
    int64_t now = clock_boot_ms();
    int64_t heard_ms = wire->used_ms > wire->awaited_ms ? wire->used_ms : wire->awaited_ms;

    if (now - heard_ms < SILENCE_MS)
        return (unsigned)(heard_ms + SILENCE_MS - now);
    if (!wire->is_asked) {
        wire->is_asked = nghttp2_submit_ping(wire->session, NGHTTP2_FLAG_NONE, NULL) == 0;
        wire->asked_ms = now;
        wire_flush(wire);
    }
    if (now - wire->asked_ms < ANSWER_MS)
        return (unsigned)(wire->asked_ms + ANSWER_MS - now);
    wire->is_silent = true;
    wire_give_up(wire);
    return 0;
}

/*
 * Who was answered a moment ago mostly comes back with another call, and a write for each costs more than all else that
 * a call does. So the leader, about to wait, lets those run first who are ready to, and sends for all of them.
 */
static void gather(struct wire *wire)
{
    if (!wire->expected)
        return;
    wire->expected = 0;
    wire->gathers_until_ms = clock_boot_ms() + GATHER_MS;
    wire_unlock(wire);
    sched_yield();
    pthread_mutex_lock(&wire->lock);
    wire->gathers_until_ms = 0;
    wire_flush(wire);
}

/* Whether the leader sends for the caller, as it is ready to run; unless that takes it long. */
static bool is_gathered(struct wire *wire)
{
    if (wire->expected)
        wire->expected--;
    return wire->gathers_until_ms && clock_boot_ms() < wire->gathers_until_ms;
}

/* Lets go of the lock while it waits for the socket. Until @call is over or its deadline has come. */
static void lead(struct wire *wire, const struct wire_call *call)
{
    struct pollfd poll_fd = { .fd = wire->fd };

    wire->has_leader = true;
    wire->appointed = NULL;
    while (!is_over(call)) {
        unsigned left, quiet;

        gather(wire);
        left = clock_left_ms(call->request->deadline_ms);
        quiet = mind_silence(wire);
        if (!left || is_over(call))
            break;
        poll_fd.events = (short)(POLLIN | (wire_is_blocked(wire) ? POLLOUT : 0));
        wire_unlock(wire);
        (void)poll(&poll_fd, 1, (int)(left < quiet ? left : quiet));
        pthread_mutex_lock(&wire->lock);
        if (poll_fd.revents)
            wire_take_in(wire);
        poll_fd.revents = 0;
    }
    wire->has_leader = false;
}

static void expire(struct wire *wire, struct wire_call *call)
{
    (void)nghttp2_submit_rst_stream(wire->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    wire_call_end(wire, call, WIRE_EXPIRED);
    wire_flush(wire);
}

/* Until @call is over: it leads, or sits and waits for the one who does. Under lock, which it lets go. */
static void await(struct wire *wire, struct wire_call *call)
{
    for (;;) {
        if (!is_over(call) && !wire->has_leader)
            lead(wire, call);
        if (!is_over(call) && !clock_left_ms(call->request->deadline_ms))
            expire(wire, call);
        call->is_seated = !is_over(call);
        if (!call->is_seated)
            break;
        wire_unlock(wire);
        wire_seat_wait(call->seat, call->request->deadline_ms);
        if (is_over(call)) /* mostly; then nobody need wait for the lock */
            return;
        pthread_mutex_lock(&wire->lock);
        call->is_seated = false;
    }
    wire_unlock(wire);
}

/* ------------------------------------------------------------------------------------------------------- a call */

enum wire_end wire_call(struct wire *wire, const struct wire_request *request, struct grpc_answer *answer,
                        bool *ret_was_sent)
{
    struct wire_call call = { .request = request, .answer = answer, .end = WIRE_CUT_OFF };

    *ret_was_sent = false;
    pthread_mutex_lock(&wire->lock);
    if (wire_seat_take(&wire->seats, &call.seat) < 0) {
        wire_unlock(wire);
        return WIRE_CUT_OFF;
    }
    call.stream = wire->is_broken || wire->is_closing ? -1 : wire_session_submit(wire, &call);
    if (call.stream < 0) { /* also when all stream numbers are used */
        wire->is_closing = true;
        call.end = WIRE_REFUSED;
        wire_unlock(wire);
    } else {
        if (!wire->first)
            wire->awaited_ms = clock_boot_ms();
        list_add(wire, &call);
        if (!is_gathered(wire))
            wire_flush(wire);
        await(wire, &call);
    }
    wire_seat_leave(call.seat);
    *ret_was_sent = call.was_sent && call.end != WIRE_REFUSED;
    return call.end;
}

/* -------------------------------------------------------------------------------------------------- connections */

/* Looks at the socket, unless somebody does so anyway. */
static void look(struct wire *wire)
{
    int64_t used_ms = wire->used_ms;

    pthread_mutex_lock(&wire->lock);
    if (!wire->is_broken && !wire->has_leader) {
        wire_take_in(wire);
        wire->used_ms = used_ms; /* a goodbye is no sign of life */
    }
    wire_unlock(wire);
}

bool wire_is_good(struct wire *wire)
{
    if (wire_idle_ms(wire) > QUIET_MS)
        look(wire);
    return !wire->is_broken && !wire->is_closing;
}

int64_t wire_idle_ms(const struct wire *wire)
{
    return clock_boot_ms() - wire->used_ms;
}

void wire_break(struct wire *wire)
{
    pthread_mutex_lock(&wire->lock);
    wire_give_up(wire);
    wire_unlock(wire);
}

int wire_new(struct credentials *credentials, struct descriptors *descriptors,
             const struct wire_target *target, int64_t deadline_ms, struct wire **ret, const char **why)
{
    CLEANUP(wire_unref) struct wire *wire = calloc(1, sizeof(*wire));
    int r;

    *why = NULL;
    if (!wire)
        return -ENOMEM;
    atomic_init(&wire->references, 1);
    pthread_mutex_init(&wire->lock, NULL);
    wire->fd = -1;
    wire->credentials = credentials_ref(credentials);
    wire->descriptors = descriptors;
    wire->made_ms = clock_boot_ms();
    wire->used_ms = wire->made_ms;
    r = dial(target->addresses, target->port, descriptors, deadline_ms, &wire->fd);
    if (r == 0)
        r = tls_connect(credentials->tls, wire->fd, target->host, deadline_ms, &wire->ssl, why);
    if (r == 0)
        r = wire_session_start(wire);
    if (r < 0)
        return r;
    tls_collect(wire->ssl, &wire->sealed);
    *ret = TAKE(wire);
    return 0;
}

struct wire *wire_ref(struct wire *wire)
{
    atomic_fetch_add(&wire->references, 1);
    return wire;
}

void wire_unref(struct wire *wire)
{
    if (!wire || atomic_fetch_sub(&wire->references, 1) != 1)
        return;
    nghttp2_session_del(wire->session);
    tls_free(wire->ssl);
    if (wire->fd >= 0)
        descriptors_remove(wire->descriptors, wire->fd);
    buffer_clear(&wire->framed);
    buffer_clear(&wire->sealed);
    buffer_clear(&wire->sending);
    wire_seats_free(wire->seats);
    credentials_unref(wire->credentials);
    pthread_mutex_destroy(&wire->lock);
    free(wire);
}
