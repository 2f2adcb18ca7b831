/* SPDX-License-Identifier: Apache-2.0 */
/* listener.c - accepts what there is room for. */
#include "proxy/front/listener.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/front/connection.h"

#define REST_MS           1000 /* when the system has no descriptor or memory left */
#define FAILURES_A_MINUTE 60

struct listener {
    struct front *front;
    LIST_ENTRY(listener) entry;
    bool is_anonymous;
    struct evconnlistener *accepting;
    struct event rest;
};

/* Answers are small and somebody waits. Here, since a socket that systemd made brings its own options along. */
static void send_at_once(evutil_socket_t socket)
{
    int yes = 1;

    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)))
        log_event_limited(LOG_LEVEL_WARNING, FAILURES_A_MINUTE, "front.nodelay", "why=\"%s\"",
                          strerror(errno));
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t socket, struct sockaddr *peer,
                      int len, void *context)
{
    struct listener *listener = context;
    struct front *front = listener->front;
    int error;

    (void)accepting;
    (void)len;
    if (front->connection_count >= front->config->max_connections) {
        descriptor_close(socket);
        error = -EUSERS;
    } else {
        send_at_once(socket);
        error = connection_new(front, socket, peer, listener->is_anonymous);
    }
    if (error)
        log_event_limited(LOG_LEVEL_WARNING, FAILURES_A_MINUTE, "front.full", "connections=%u why=\"%s\"",
                          front->connection_count, strerror(-error));
}

/* accept() failed for want of something: it would fail again at once, so rest. */
static void on_error(struct evconnlistener *accepting, void *context)
{
    struct listener *listener = context;
    struct timeval rest = front_timeval(REST_MS);

    log_event_limited(LOG_LEVEL_ERROR, FAILURES_A_MINUTE, "front.accept", "why=\"%s\"", strerror(errno));
    evconnlistener_disable(accepting);
    evtimer_add(&listener->rest, &rest);
}

static void on_rested(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)fd;
    (void)what;
    evconnlistener_enable(listener->accepting);
}

int listener_new(struct front *front, int socket, bool is_anonymous)
{
    CLEANUP(descriptor_close) int owned = socket;
    struct listener *listener = calloc(1, sizeof(*listener));

    if (!listener)
        return -ENOMEM;
    evutil_make_socket_nonblocking(socket);
    listener->accepting = evconnlistener_new(front->base, on_accept, listener,
                                             LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, socket);
    if (!listener->accepting) {
        free(listener);
        return -ENOMEM;
    }
    owned = -1;
    listener->front = front;
    listener->is_anonymous = is_anonymous;
    evconnlistener_set_error_cb(listener->accepting, on_error);
    evtimer_assign(&listener->rest, front->base, on_rested, listener);
    LIST_INSERT_HEAD(&front->listeners, listener, entry);
    return 0;
}

void listener_free(struct listener *listener)
{
    evtimer_del(&listener->rest);
    evconnlistener_free(listener->accepting);
    LIST_REMOVE(listener, entry);
    free(listener);
}

void listener_free_all(struct front *front)
{
    struct listener *listener;

    while ((listener = LIST_FIRST(&front->listeners)))
        listener_free(listener);
}
