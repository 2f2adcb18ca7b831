/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - nghttp2 between a lock and a socket. */
#include "client/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/clock.h"
#include "client/dial.h"
#include "client/tls.h"
#include "include/table.h"

#define WINDOW       (2 * 1024 * 1024) /* bytes in flight to us: more than the largest answer there is */
#define TIMEOUT_ROOM 24
#define READ_SIZE    16384 /* a TLS record */
#define SILENCE_MS   1000  /* with calls out, until the server is asked whether it is there */
#define ANSWER_MS    3000  /* that it has for saying yes: a lost packet or two, a busy machine */
#define QUIET_MS     5     /* one that was used so lately is not asked whether it is still there */
#define OUTPUT_MOST  ((size_t)4 * 1024 * 1024)

/* A call on its way; it stands in the caller's stack. Guarded by the wire's lock. */
struct wire_call {
    const struct wire_request *request;
    struct grpc_answer *answer;
    size_t frame_sent;
    int32_t stream;
    bool was_sent, is_over;
    enum wire_end end;
    struct wire_seat *seat;
    struct wire_call *next;
};

/*
 * Where a call waits. A wake-up may come late, when the seat is another call's already: everybody who is woken looks
 * around and may go on waiting.
 */
struct wire_seat {
    pthread_cond_t called; /* the call is over, or its turn to lead */
    struct wire_seat *next;
};

/* -------------------------------------------------------------------------------------------- waiting and waking */

/* Errors: those of clock_condition_init(), -ENOMEM. */
static int take_seat(struct wire *wire, struct wire_seat **ret)
{
    struct wire_seat *seat = wire->seats;
    int r = 0;

    if (seat) {
        wire->seats = seat->next;
    } else {
        seat = calloc(1, sizeof(*seat));
        r = seat ? clock_condition_init(&seat->called) : -ENOMEM;
    }
    if (r == 0)
        *ret = seat;
    else
        free(seat);
    return r;
}

static void leave_seat(struct wire *wire, struct wire_seat *seat)
{
    seat->next = wire->seats;
    wire->seats = seat;
}

static void free_seats(struct wire *wire)
{
    struct wire_seat *seat;

    while ((seat = wire->seats)) {
        wire->seats = seat->next;
        pthread_cond_destroy(&seat->called);
        free(seat);
    }
}

static void wake(struct wire *wire, const struct wire_call *call)
{
    struct wire_wakes *wakes = &wire->wakes;

    if (wakes->count < ARRAY_SIZE(wakes->seats))
        wakes->seats[wakes->count++] = call->seat;
    else
        pthread_cond_signal(&call->seat->called);
}

/* Unlocks the wire, of which the caller has a reference: so its seats stay. */
static void unlock(struct wire *wire)
{
    struct wire_wakes wakes;

    wakes.count = wire->wakes.count;
    memcpy(wakes.seats, wire->wakes.seats, wakes.count * sizeof(*wakes.seats));
    wire->wakes.count = 0;
    pthread_mutex_unlock(&wire->lock);
    for (size_t i = 0; i < wakes.count; i++)
        pthread_cond_signal(&wakes.seats[i]->called);
}

/* ---------------------------------------------------------------------------------------------- ends of calls */

static void call_end(struct wire *wire, struct wire_call *call, enum wire_end end)
{
    if (call->is_over)
        return;
    call->is_over = true;
    call->end = end;
    /* What nghttp2 still has to say of the stream is nobody's. */
    (void)nghttp2_session_set_stream_user_data(wire->session, call->stream, NULL);
    wake(wire, call);
}

static void give_up(struct wire *wire)
{
    enum wire_end sent_end = wire->is_silent ? WIRE_SILENT : WIRE_CUT_OFF;

    wire->is_broken = true;
    for (struct wire_call *call = wire->calls; call; call = call->next)
        call_end(wire, call, call->was_sent ? sent_end : WIRE_REFUSED);
}

static struct wire_call *call_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

/* ---------------------------------------------------------------------------------------- nghttp2's callbacks */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *cookie)
{
    struct wire_call *call = call_of(session, frame->hd.stream_id);

    (void)flags, (void)cookie;
    if (call)
        grpc_answer_header(call->answer, BYTES(name, name_len), BYTES(value, value_len));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                   void *cookie)
{
    struct wire_call *call = call_of(session, stream);

    (void)flags;
    if (!call)
        return 0;
    buffer_append(&call->answer->body, BYTES(data, len));
    if (!call->answer->body.failed)
        return 0;
    call_end(cookie, call, WIRE_TOO_LARGE);
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *cookie)
{
    struct wire_call *call = call_of(session, frame->hd.stream_id);

    (void)cookie;
    if (call && frame->hd.type == NGHTTP2_HEADERS)
        call->was_sent = true;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cookie)
{
    struct wire *wire = cookie;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        wire->is_closing = true;
    return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *cookie)
{
    struct wire_call *call = call_of(session, stream);

    if (!call)
        return 0;
    if (error == NGHTTP2_NO_ERROR)
        call_end(cookie, call, WIRE_ANSWERED);
    else
        call_end(cookie, call, error == NGHTTP2_REFUSED_STREAM ? WIRE_REFUSED : WIRE_CUT_OFF);
    return 0;
}

/* The request's body; that of a call whose caller has left is not there any more. */
static ssize_t read_frame(nghttp2_session *session, int32_t stream, uint8_t *data, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *cookie)
{
    struct wire_call *call = call_of(session, stream);
    size_t len;

    (void)source, (void)cookie;
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    len = call->request->frame.len - call->frame_sent;
    len = len < size ? len : size;
    memcpy(data, call->request->frame.data + call->frame_sent, len);
    call->frame_sent += len;
    if (call->frame_sent == call->request->frame.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

/* ------------------------------------------------------------------------------------- in and out, under lock */

/* Nothing more is taken from a server that does not read, than one connection may hold. */
static void collect_output(struct wire *wire)
{
    size_t waiting = wire->sealed.len + wire->sending.len - wire->sent;
    const uint8_t *data;
    ssize_t len;

    while (waiting + wire->framed.len < OUTPUT_MOST &&
           (len = nghttp2_session_mem_send(wire->session, &data)) > 0)
        buffer_append(&wire->framed, BYTES(data, (size_t)len));
    if (wire->framed.failed)
        give_up(wire);
}

/* All that there is to say, as few records as it fits in. */
static void seal_output(struct wire *wire)
{
    size_t done = 0;

    collect_output(wire);
    while (done < wire->framed.len && !wire->is_broken) {
        size_t len;

        if (tls_write(wire->ssl, BYTES(wire->framed.data + done, wire->framed.len - done), &len) != TLS_DONE)
            give_up(wire);
        done += len;
    }
    wire->framed.len = 0;
}

/* What was sealed while the former lot was on its way is the next lot. */
static void take_lot(struct wire *wire)
{
    struct buffer emptied = wire->sending;

    if (wire->sent < wire->sending.len)
        return;
    wire->sending = wire->sealed;
    wire->sealed = emptied;
    wire->sealed.len = wire->sent = 0;
}

/* One write, during which the lock is free. False: the kernel takes no more now, or never again. */
static bool send_lot(struct wire *wire)
{
    struct bytes rest = BYTES(wire->sending.data + wire->sent, wire->sending.len - wire->sent);
    ssize_t len;
    int error;

    unlock(wire);
    len = send(wire->fd, rest.data, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    error = len < 0 ? errno : 0;
    pthread_mutex_lock(&wire->lock);
    wire->sent += len > 0 ? (size_t)len : 0;
    if (error && error != EAGAIN && error != EINTR)
        give_up(wire);
    return !wire->is_broken && error != EAGAIN;
}

/* Under lock, and without it meanwhile. What somebody else is about to say when he has finished is not waited for. */
static void flush(struct wire *wire)
{
    bool goes_on = !wire->is_writing;

    while (goes_on) {
        seal_output(wire);
        take_lot(wire);
        wire->is_writing = wire->sent < wire->sending.len && !wire->is_broken;
        goes_on = wire->is_writing && send_lot(wire);
        wire->is_writing = false;
    }
}

static void take_in(struct wire *wire)
{
    uint8_t data[READ_SIZE];
    bool has_more = true;

    while (has_more && !wire->is_broken) {
        size_t len;
        enum tls_io io = tls_read(wire->ssl, data, sizeof(data), &len, &has_more);

        if (io == TLS_BROKEN || (len && nghttp2_session_mem_recv(wire->session, data, len) != (ssize_t)len)) {
            give_up(wire);
        } else if (len) {
            wire->used_ms = clock_boot_ms();
            wire->is_asked = false;
        }
    }
    flush(wire);
}

/* ------------------------------------------------------------------------------------------------------ waiting */

/* The kernel took only part of what there was, and nobody tries just now. */
static bool is_blocked(const struct wire *wire)
{
    return !wire->is_writing && wire->sent < wire->sending.len;
}

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
        flush(wire);
    }
    if (now - wire->asked_ms < ANSWER_MS)
        return (unsigned)(wire->asked_ms + ANSWER_MS - now);
    wire->is_silent = true;
    give_up(wire);
    return 0;
}

/* Lets go of the lock while it waits for the socket. */
static void lead(struct wire *wire, const struct wire_call *call)
{
    struct pollfd poll_fd = { .fd = wire->fd };

    wire->has_leader = true;
    while (!call->is_over) {
        unsigned left = clock_left_ms(call->request->deadline_ms), quiet = mind_silence(wire);

        if (!left || call->is_over)
            break;
        poll_fd.events = (short)(POLLIN | (is_blocked(wire) ? POLLOUT : 0));
        unlock(wire);
        (void)poll(&poll_fd, 1, (int)(left < quiet ? left : quiet));
        pthread_mutex_lock(&wire->lock);
        if (poll_fd.revents)
            take_in(wire);
        poll_fd.revents = 0;
    }
    wire->has_leader = false;
}

static void appoint_leader(struct wire *wire)
{
    struct wire_call *call = wire->calls;

    while (call && call->is_over)
        call = call->next;
    if (call && !wire->has_leader)
        wake(wire, call);
}

/* Nobody is left unwoken over it. */
static int wait_in_seat(struct wire *wire, struct wire_call *call)
{
    if (wire->wakes.count) {
        unlock(wire);
        pthread_mutex_lock(&wire->lock);
    }
    if (call->is_over || !wire->has_leader)
        return 0;
    return clock_wait(&call->seat->called, &wire->lock, call->request->deadline_ms);
}

static void await(struct wire *wire, struct wire_call *call)
{
    int r = 0;

    while (!call->is_over && r == 0)
        if (wire->has_leader)
            r = wait_in_seat(wire, call);
        else {
            lead(wire, call);
            r = call->is_over ? 0 : -ETIMEDOUT;
        }
    if (call->is_over)
        return;
    (void)nghttp2_submit_rst_stream(wire->session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    call_end(wire, call, WIRE_EXPIRED);
    flush(wire);
}

/* ------------------------------------------------------------------------------------------------------- a call */

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
                         .value = (uint8_t *)(uintptr_t)value,
                         .namelen = strlen(name),
                         .valuelen = strlen(value) };
}

/* Never the same twice: it would push the others out of the server's table. RFC 7541 6.2.2 */
static nghttp2_nv fresh_header(const char *name, const char *value)
{
    nghttp2_nv fresh = header(name, value);

    fresh.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    return fresh;
}

static const char *write_timeout(int64_t deadline_ms, char room[TIMEOUT_ROOM])
{
    snprintf(room, TIMEOUT_ROOM, "%um", clock_left_ms(deadline_ms));
    return room;
}

static int32_t submit(struct wire *wire, struct wire_call *call)
{
    const struct wire_request *request = call->request;
    nghttp2_data_provider body = { .read_callback = read_frame };
    char timeout[TIMEOUT_ROOM];
    nghttp2_nv headers[] = {
        header(":method", "POST"),
        header(":scheme", "https"),
        header(":authority", request->authority),
        header(":path", request->path),
        header("te", "trailers"),
        header("content-type", "application/grpc"),
        header("user-agent", "grpc-c-privyseal/" PRIVYSEAL_VERSION),
        fresh_header("grpc-timeout", write_timeout(request->deadline_ms, timeout)),
        fresh_header("traceparent", request->traceparent ? request->traceparent : ""),
    };

    return nghttp2_submit_request(wire->session, NULL, headers, ARRAY_SIZE(headers) - !request->traceparent,
                                  &body, call);
}

static void list_add(struct wire *wire, struct wire_call *call)
{
    struct wire_call **link = &wire->calls;

    while (*link)
        link = &(*link)->next;
    *link = call;
}

static void list_remove(struct wire *wire, const struct wire_call *call)
{
    struct wire_call **link = &wire->calls;

    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
}

enum wire_end wire_call(struct wire *wire, const struct wire_request *request, struct grpc_answer *answer,
                        bool *ret_was_sent)
{
    struct wire_call call = { .request = request, .answer = answer, .end = WIRE_CUT_OFF };

    *ret_was_sent = false;
    pthread_mutex_lock(&wire->lock);
    if (take_seat(wire, &call.seat) < 0) {
        unlock(wire);
        return WIRE_CUT_OFF;
    }
    call.stream = wire->is_broken || wire->is_closing ? -1 : submit(wire, &call);
    if (call.stream < 0) { /* also when all stream numbers are used */
        wire->is_closing = true;
        call.end = WIRE_REFUSED;
    } else {
        if (!wire->calls)
            wire->awaited_ms = clock_boot_ms();
        list_add(wire, &call);
        flush(wire);
        await(wire, &call);
        list_remove(wire, &call);
        appoint_leader(wire);
    }
    leave_seat(wire, call.seat);
    unlock(wire);
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
        take_in(wire);
        wire->used_ms = used_ms; /* a goodbye is no sign of life */
    }
    unlock(wire);
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
    give_up(wire);
    unlock(wire);
}

static int start_session(struct wire *wire)
{
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
    };
    nghttp2_session_callbacks *callbacks;
    int r = nghttp2_session_callbacks_new(&callbacks);

    if (r != 0)
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    r = nghttp2_session_client_new(&wire->session, callbacks, wire);
    nghttp2_session_callbacks_del(callbacks);
    if (r == 0)
        r = nghttp2_submit_settings(wire->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings));
    if (r == 0)
        r = nghttp2_session_set_local_window_size(wire->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
    return r == 0 ? 0 : -ENOMEM;
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
        r = start_session(wire);
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
    free_seats(wire);
    credentials_unref(wire->credentials);
    pthread_mutex_destroy(&wire->lock);
    free(wire);
}
