/* SPDX-License-Identifier: Apache-2.0 */
/* control.c - what the supervisor may tell the front: a table of messages, each with the descriptors it carries. */
#include "proxy/front/control.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"
#include "proxy/front/drain.h"
#include "proxy/front/front.h"
#include "proxy/front/listener.h"
#include "proxy/front/public_http.h"
#include "proxy/front/route.h"
#include "proxy/front/tls.h"

/* ------------------------------------------------------------------------------------------------- messages */

static int take_signer(struct front *front, uint32_t index, int descriptors[])
{
    return route_attach(front->route, index, TAKE_DESCRIPTOR(descriptors[0]));
}

/* New material serves new connections; those that are there keep theirs. Bad material changes nothing. */
static int take_tls(struct front *front, uint32_t index, int descriptors[])
{
    SSL_CTX *tls[TLS_CLIENT_KINDS] = { NULL };
    const char *why;
    int error = 0;

    (void)index;
    for (int kind = 0; !error && kind < TLS_CLIENT_KINDS; kind++)
        error = tls_context_from_memfds(descriptors, kind, &tls[kind], &why);
    if (error) {
        SSL_CTX_free(tls[TLS_CLIENTS_CERTIFIED]);
        log_event(LOG_LEVEL_ERROR, "front.tls", "why=\"%s\" kept=%s", why,
                  front->tls[TLS_CLIENTS_CERTIFIED] ? "former" : "nothing");
        return front->tls[TLS_CLIENTS_CERTIFIED] ? 0 : -EINVAL;
    }
    for (int kind = 0; kind < TLS_CLIENT_KINDS; kind++) {
        SSL_CTX_free(front->tls[kind]);
        front->tls[kind] = tls[kind];
    }
    log_event(LOG_LEVEL_NOTICE, "front.tls", "loaded=yes");
    return 0;
}

static int take_drain(struct front *front, uint32_t index, int descriptors[])
{
    (void)index;
    (void)descriptors;
    drain_start(front);
    return 0;
}

static int take_listener(struct front *front, uint32_t index, int descriptors[])
{
    int error;

    if (!front->tls[TLS_CLIENTS_CERTIFIED] || index > FRONT_LISTENER_ENROLMENT)
        return -EINVAL;
    error = listener_new(front, TAKE_DESCRIPTOR(descriptors[0]), index == FRONT_LISTENER_ENROLMENT);
    if (!error)
        control_report_ready(front);
    return error;
}

/* Beside the others: the front is ready without it. */
static int take_http(struct front *front, uint32_t index, int descriptors[])
{
    (void)index;
    public_http_free(TAKE(front->public_http));
    return public_http_new(front, TAKE_DESCRIPTOR(descriptors[0]), &front->public_http);
}

static const struct message_kind {
    enum front_control_kind kind;
    size_t descriptors;
    int (*take)(struct front *front, uint32_t index, int descriptors[]);
} message_kinds[] = {
    { FRONT_CONTROL_SIGNER, 1, take_signer },    { FRONT_CONTROL_TLS, TLS_FILES, take_tls },
    { FRONT_CONTROL_DRAIN, 0, take_drain },      { FRONT_CONTROL_LISTEN, 1, take_listener },
    { FRONT_CONTROL_LISTEN_HTTP, 1, take_http },
};

/* ------------------------------------------------------------------------------------------------- receiving */

static int take_message(struct front *front, const struct front_control *message, int descriptors[],
                        size_t count)
{
    const struct message_kind *kind;

    for (EACH_ROW(kind, message_kinds))
        if (kind->kind == message->kind && kind->descriptors == count)
            return kind->take(front, message->index, descriptors);
    return -EBADMSG;
}

/* Errors: -EAGAIN (no message now), -EPIPE (the supervisor is gone), others of the message. */
static int receive(struct front *front)
{
    struct front_control message;
    int descriptors[DESCRIPTORS_MAX];
    size_t count;
    ssize_t len = descriptor_receive(front->control, &message, sizeof(message), descriptors, &count);
    int error;

    if (len <= 0)
        return len < 0 ? (int)len : -EPIPE;
    error = len == sizeof(message) ? take_message(front, &message, descriptors, count) : -EBADMSG;
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            descriptor_close(descriptors[i]);
    return error;
}

/* The supervisor is the one peer that is trusted: what it sends and we cannot do ends us, so that it notices. */
static void on_message(evutil_socket_t fd, short what, void *context)
{
    struct front *front = context;
    int error;

    (void)fd;
    (void)what;
    while ((error = receive(front)) == 0)
        ;
    if (error == -EAGAIN)
        return;
    if (error != -EPIPE)
        log_event(LOG_LEVEL_ERROR, "front.control", "why=\"%s\"", strerror(-error));
    front_leave(front, error == -EPIPE ? EX_OK : error == -EINVAL ? EX_CONFIG : EX_SOFTWARE);
}

int control_start(struct front *front)
{
    evutil_make_socket_nonblocking(front->control);
    front->control_event = event_new(front->base, front->control, EV_READ | EV_PERSIST, on_message, front);
    return front->control_event && event_add(front->control_event, NULL) == 0 ? 0 : -ENOMEM;
}

void control_stop(struct front *front)
{
    if (front->control_event)
        event_free(front->control_event);
}

static void report(struct front *front, enum front_control_kind kind, unsigned index)
{
    struct front_control message = { .kind = kind, .index = index };
    int error = descriptor_send(front->control, BYTES(&message, sizeof(message)), NULL, 0);

    if (error)
        log_event(LOG_LEVEL_ERROR, "front.control", "why=\"%s\"", strerror(-error));
}

void control_report_ready(struct front *front)
{
    if (front->is_ready)
        return;
    front->is_ready = true;
    report(front, FRONT_CONTROL_READY, 0);
}

void control_report_broken(struct front *front, unsigned index)
{
    report(front, FRONT_CONTROL_BROKEN, index);
}
