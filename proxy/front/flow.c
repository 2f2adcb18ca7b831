/* SPDX-License-Identifier: Apache-2.0 */
/* flow.c - recv(), send(), and two events. */
#include "proxy/front/flow.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "include/descriptor.h"

static void end(struct flow *flow, const char *why)
{
    if (flow->is_ended)
        return;
    flow->is_ended = true;
    event_del(&flow->readable);
    event_del(&flow->writable);
    flow->ops->ended(flow->owner, why);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct flow *flow = context;
    struct front *front = flow->front;
    ssize_t len = recv(fd, front->flight, sizeof(front->flight), MSG_DONTWAIT);

    (void)what;
    if (len > 0)
        flow->ops->received(flow->owner, BYTES(front->flight, (size_t)len));
    else if (len == 0)
        end(flow, NULL);
    else if (errno != EAGAIN && errno != EINTR)
        end(flow, strerror(errno));
}

/* Errors: -EAGAIN (it took something, and no more now), others of send() (it took nothing). */
static int send_out(struct flow *flow)
{
    size_t sent = 0;
    int error = 0;

    while (!error && sent < flow->out.len) {
        ssize_t len =
            send(flow->fd, flow->out.data + sent, flow->out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (len > 0)
            sent += (size_t)len;
        else if (errno != EINTR)
            error = -errno;
    }
    buffer_drop(&flow->out, sent);
    return error && sent ? -EAGAIN : error; /* an error that lasts is met again */
}

static void wait_for_room(struct flow *flow)
{
    flow->is_waiting = true;
    event_add(&flow->writable, evutil_timerisset(&flow->stalled) ? &flow->stalled : NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct flow *flow = context;

    (void)fd;
    flow->is_waiting = false;
    if (what & EV_TIMEOUT)
        end(flow, "it does not take what it is sent");
    else
        flow_flush(flow);
}

void flow_flush(struct flow *flow)
{
    int error;

    if (flow->is_waiting || flow->is_ended || (!flow->out.len && !flow->out.failed))
        return;
    error = flow->out.failed ? -ENOMEM : send_out(flow);
    if (!error)
        flow->ops->written(flow->owner);
    else if (error == -EAGAIN)
        wait_for_room(flow);
    else
        end(flow, strerror(-error));
}

int flow_open(struct flow *flow, struct front *front, int fd, const struct flow_ops *ops, void *owner)
{
    *flow = (struct flow){ .fd = fd,
                           .ops = ops,
                           .owner = owner,
                           .front = front,
                           .stalled = flow->stalled,
                           .out.limit = flow->out.limit };
    event_assign(&flow->readable, front->base, fd, EV_READ | EV_PERSIST, on_readable, flow);
    event_assign(&flow->writable, front->base, fd, EV_WRITE, on_writable, flow);
    if (event_add(&flow->readable, NULL) == 0)
        return 0;
    descriptor_close(fd);
    flow->fd = -1;
    return -ENOMEM;
}

void flow_close(struct flow *flow)
{
    if (flow->fd < 0)
        return;
    event_del(&flow->readable);
    event_del(&flow->writable);
    descriptor_close(flow->fd);
    buffer_clear(&flow->out);
    flow->fd = -1;
}
