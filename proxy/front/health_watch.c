/* SPDX-License-Identifier: Apache-2.0 */
/* health_watch.c - answers that nghttp2 fetches when there is news, and puts off until then. */
#include "proxy/front/health_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "include/table.h"
#include "proxy/front/answer.h"
#include "proxy/front/grpc_frame.h"
#include "proxy/front/route.h"

/* After a minute of silence TCP asks, and three times more: who is gone without a word is known to be after two. */
static const struct socket_option {
    int level, name, value;
} are_you_there[] = {
    { IPPROTO_TCP, TCP_KEEPIDLE, 60 },
    { IPPROTO_TCP, TCP_KEEPINTVL, 20 },
    { IPPROTO_TCP, TCP_KEEPCNT, 3 },
    { SOL_SOCKET, SO_KEEPALIVE, 1 },
};

static enum health_status status_of(const struct stream *stream)
{
    const struct front *front = stream->connection->front;

    if (!stream->watch.is_known)
        return HEALTH_SERVICE_UNKNOWN;
    return !front->is_draining && route_is_serving(front->route) ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

/* The next message, when there is one. */
static void take_news(struct stream *stream)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    enum health_status status = status_of(stream);

    if (stream->reply_sent < stream->reply.len || stream->watch.told == status)
        return;
    health_answer(status, &message);
    buffer_clear(&stream->reply);
    stream->reply_sent = 0;
    grpc_frame_append(&stream->reply, buffer_bytes(&message));
    stream->connection->reply_bytes += stream->reply.len;
    stream->watch.told = status;
}

static ssize_t read_news(nghttp2_session *session, int32_t id, uint8_t *target, size_t size, uint32_t *flags,
                         nghttp2_data_source *source, void *context)
{
    struct stream *stream = source->ptr;
    const struct front *front = stream->connection->front;
    size_t len;

    (void)context;
    take_news(stream);
    len = answer_piece(stream, target, size);
    if (front->is_draining && stream->reply_sent == stream->reply.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return answer_trailers(session, id, GRPC_UNAVAILABLE) ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                                                              : (ssize_t)len;
    }
    return len ? (ssize_t)len : NGHTTP2_ERR_DEFERRED;
}

/* Who has heard nothing but what still holds is left in peace. */
static void on_telling(void *context)
{
    struct front *front = context;
    struct stream *stream;

    LIST_FOREACH (stream, &front->watches.streams, watch.entry) {
        if (stream->watch.told == status_of(stream) && !front->is_draining)
            continue;
        (void)nghttp2_session_resume_data(stream->connection->session, stream->id); /* or it is not put off */
        connection_flush(stream->connection);
    }
}

void watches_init(struct front *front)
{
    LIST_INIT(&front->watches.streams);
    front->watches.telling = (struct round_task){ .run = on_telling, .context = front };
}

void watches_tell(struct front *front)
{
    if (front->watches.count)
        round_put_off(&front->round, &front->watches.telling);
}

static void watch_over(const struct connection *connection)
{
    const struct socket_option *option;

    for (EACH_ROW(option, are_you_there)) /* a socket that knows no such option does without */
        (void)setsockopt(connection->tls.flow.fd, option->level, option->name, &option->value,
                         sizeof(option->value));
}

void watch_begin(struct stream *stream, struct bytes question)
{
    struct connection *connection = stream->connection;
    struct watches *watches = &connection->front->watches;

    if (health_question(question, &stream->watch.is_known)) {
        answer_status(stream, GRPC_INVALID_ARGUMENT, "not a question", BYTES_NONE);
        return;
    }
    if (connection->watch_count == WATCHES_OF_CONNECTION || watches->count == WATCHES_MAX) {
        answer_status(stream, GRPC_RESOURCE_EXHAUSTED, "too many watch already", BYTES_NONE);
        return;
    }
    stream->watch.is_on = true;
    LIST_INSERT_HEAD(&watches->streams, stream, watch.entry);
    watches->count++;
    if (connection->watch_count++ == 0)
        watch_over(connection);
    answer_stream(stream, read_news);
}

void watch_end(struct stream *stream)
{
    if (!stream->watch.is_on)
        return;
    stream->watch.is_on = false;
    LIST_REMOVE(stream, watch.entry);
    stream->connection->front->watches.count--;
    stream->connection->watch_count--;
}
