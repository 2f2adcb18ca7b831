/* SPDX-License-Identifier: Apache-2.0 */
/* drain.c - three steps, a timer between each and the next. */
#include "proxy/front/drain.h"

#include <sysexits.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/front/connection.h"
#include "proxy/front/front.h"
#include "proxy/front/listener.h"
#include "proxy/front/public_http.h"

#define DRAIN_NOTICE_MS 500 /* a round trip around the world, and some */

static void tell_connections(struct front *front, void (*say)(struct connection *connection))
{
    struct connection *connection;

    LIST_FOREACH (connection, &front->connections, entry)
        say(connection);
}

static void announce(struct front *front)
{
    log_event(LOG_LEVEL_NOTICE, "front.drain", "connections=%u", front->connection_count);
    listener_free_all(front);
    public_http_free(TAKE(front->public_http));
    watches_tell(front);
    tell_connections(front, connection_announce_end);
}

static void say_goodbye(struct front *front)
{
    tell_connections(front, connection_end);
}

static void give_up(struct front *front)
{
    log_event(LOG_LEVEL_WARNING, "front.drain", "left=%u", front->connection_count);
    front_leave(front, EX_OK);
}

static const struct drain_step {
    void (*take)(struct front *front);
    unsigned wait_ms; /* before the next */
} drain_steps[] = {
    { announce, DRAIN_NOTICE_MS },
    { say_goodbye, FRONT_DRAIN_MS - DRAIN_NOTICE_MS },
    { give_up, 0 },
};

static void on_step(evutil_socket_t fd, short what, void *context)
{
    struct front *front = context;
    const struct drain_step *step = &drain_steps[front->drain_step++];
    struct timeval wait = front_timeval(step->wait_ms);

    (void)fd;
    (void)what;
    step->take(front);
    if (front->drain_step < ARRAY_SIZE(drain_steps))
        evtimer_add(front->drain_event, &wait);
}

void drain_start(struct front *front)
{
    if (front->is_draining)
        return;
    front->is_draining = true;
    front->drain_event = evtimer_new(front->base, on_step, front);
    if (!front->drain_event || !front->connection_count) {
        front_leave(front, EX_OK);
        return;
    }
    on_step(-1, 0, front);
}

void drain_stop(struct front *front)
{
    if (front->drain_event)
        event_free(front->drain_event);
}
