/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - the life of a call, phase by phase. */
#include "proxy/front/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "include/rate.h"
#include "include/table.h"
#include "proto/limits.h"
#include "proxy/front/answer.h"
#include "proxy/front/grpc_frame.h"
#include "proxy/front/health.h"
#include "proxy/front/route.h"
#include "proxy/front/strangers.h"

#define HEADERS_MAX       64   /* a request of ours has about ten */
#define HEADER_BYTES_MAX  8192 /* names and values together */
#define STREAM_BYTES      2048 /* what a call takes without its message: ours, and nghttp2's */
#define FAILURES_A_MINUTE 600  /* logged, each kind */

/* --------------------------------------------------------------------------------------------------- headers */

static void take_method(struct stream *stream, const char *value)
{
    stream->is_post = strcmp(value, "POST") == 0;
}

static void answer_check(struct stream *stream, struct bytes question);

/* grpc.health.v1.Health; a stranger has no business that would last. */
static const struct health_method {
    const char *path, *name;
    bool is_anonymous;
    void (*answer)(struct stream *stream, struct bytes question);
} health_methods[] = {
    { "/grpc.health.v1.Health/Check", "Check", true, answer_check },
    { "/grpc.health.v1.Health/Watch", "Watch", false, watch_begin },
};

static void take_path(struct stream *stream, const char *value)
{
    const struct health_method *row;

    stream->health = NULL;
    for (EACH_ROW(row, health_methods))
        if (strcmp(value, row->path) == 0)
            stream->health = row;
    stream->method = method_by_path(value);
    stream->request_max = stream->method ? stream->method->request_max : HEALTH_REQUEST_MAX;
}

/* "application/grpc" [("+proto" / "+json" / {custom})]: only protobuf is spoken here. */
static void take_content_type(struct stream *stream, const char *value)
{
    static const char grpc[] = "application/grpc", proto[] = "+proto";

    if (strncmp(value, grpc, strlen(grpc)) != 0)
        return;
    value += strlen(grpc);
    if (strncmp(value, proto, strlen(proto)) == 0)
        value += strlen(proto);
    stream->is_grpc = *value == '\0' || *value == ';';
}

static void take_timeout(struct stream *stream, const char *value)
{
    stream->has_bad_timeout = grpc_timeout_parse(value, &stream->timeout_ms) != 0;
}

/* One that is none is as good as absent. W3C Trace Context 4.3 (A traceparent is received). */
static void take_traceparent(struct stream *stream, const char *value)
{
    (void)traceparent_parse(value, stream->traceparent);
}

static const struct header_kind {
    const char *name;
    void (*take)(struct stream *stream, const char *value);
} header_kinds[] = {
    { ":method", take_method },
    { ":path", take_path },
    { "content-type", take_content_type },
    { "grpc-timeout", take_timeout },
    { "traceparent", take_traceparent },
};

void stream_header(struct stream *stream, const char *name, const char *value)
{
    const struct header_kind *kind;

    stream->headers++;
    stream->header_bytes += strlen(name) + strlen(value);
    if (stream->headers > HEADERS_MAX || stream->header_bytes > HEADER_BYTES_MAX) {
        nghttp2_session_terminate_session(stream->connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    if (stream->phase != PHASE_HEADERS)
        return; /* trailers, which say nothing to us */
    for (EACH_ROW(kind, header_kinds))
        if (strcmp(name, kind->name) == 0)
            kind->take(stream, value);
}

/* The first bytes of a hash are as good a name as all of it where nobody can choose them. */
static bool may_certified_call(const struct connection *connection)
{
    uint64_t certificate;

    memcpy(&certificate, connection->certificate_hash, sizeof(certificate));
    return !connection->front->rate || rate_take(connection->front->rate, certificate, front_now_ns());
}

static bool may_call(const struct connection *connection)
{
    struct front *front = connection->front;
    bool may = connection->is_anonymous
                   ? strangers_may_call(front->strangers, connection->address, front_now_ns())
                   : may_certified_call(connection);

    if (!may)
        front_count(front, FRONT_REFUSED_RATE);
    return may;
}

static bool is_elsewhere(const struct stream *stream)
{
    bool is_anonymous = stream->connection->is_anonymous;

    if (stream->health)
        return is_anonymous && !stream->health->is_anonymous;
    return method_is_anonymous(stream->method) != is_anonymous;
}

void stream_headers_end(struct stream *stream)
{
    struct connection *connection = stream->connection;

    stream->phase = PHASE_BODY;
    if (!stream->is_post)
        answer_http(stream, "405");
    else if (!stream->is_grpc)
        answer_http(stream, "415");
    else if (!stream->method && !stream->health)
        answer_status(stream, GRPC_UNIMPLEMENTED, "no such method", BYTES_NONE);
    else if (is_elsewhere(stream))
        answer_status(stream, GRPC_UNIMPLEMENTED, "this method is served on another listener", BYTES_NONE);
    else if (stream->has_bad_timeout)
        answer_reason(stream, REASON_MALFORMED);
    else if (!may_call(connection))
        answer_reason(stream, REASON_BUSY);
}

/* ------------------------------------------------------------------------------------------------------ body */

/* Errors: -EBUSY (its client holds as much as it may), -ENOMEM. */
static int body_append(struct stream *stream, struct bytes data)
{
    struct connection *connection = stream->connection;

    if (!share_take(&connection->front->shares, connection->share, data.len))
        return -EBUSY;
    buffer_append(&stream->body, data);
    if (!stream->body.failed)
        return 0;
    share_give(&connection->front->shares, connection->share, data.len);
    return -ENOMEM;
}

static void body_clear(struct stream *stream)
{
    struct connection *connection = stream->connection;

    share_give(&connection->front->shares, connection->share, stream->body.len);
    buffer_clear(&stream->body);
}

void stream_data(struct stream *stream, struct bytes data)
{
    if (stream->phase != PHASE_BODY)
        return;
    if (stream->body.len + data.len > GRPC_PREFIX_LEN + stream->request_max) {
        stream->costs_connection = true;
        answer_reason(stream, REASON_LIMIT);
    } else if (body_append(stream, data)) {
        answer_reason(stream, REASON_BUSY);
    }
}

static void answer_check(struct stream *stream, struct bytes question)
{
    CLEANUP(buffer_clear) struct buffer answer = { 0 };
    struct front *front = stream->connection->front;
    bool is_serving = !front->is_draining && route_is_serving(front->route);
    enum grpc_status status = health_check(question, is_serving, &answer);

    if (status == GRPC_OK)
        answer_message(stream, buffer_bytes(&answer));
    else
        answer_status(stream, status, "no such service", BYTES_NONE);
}

static void on_answer(void *owner, const struct answer *answer)
{
    CLEANUP(buffer_clear) struct buffer details = { 0 };
    struct stream *stream = owner;

    stream->call = NULL;
    if (answer->is_refused) {
        answer_refuse(stream);
    } else if (answer->reason != REASON_NONE) {
        answer_reason(stream, answer->reason);
    } else if (answer->grpc_status == GRPC_OK) {
        answer_message(stream, answer->body);
    } else if (failure_wrap_status(answer->grpc_status, answer->message, answer->failure, &details)) {
        answer_reason(stream, REASON_INTERNAL);
    } else {
        answer_status(stream, answer->grpc_status, answer->message, buffer_bytes(&details));
    }
}

static void ask_signer(struct stream *stream)
{
    struct connection *connection = stream->connection;
    uint64_t limit_ms = stream->method->deadline_ms;
    uint64_t time_ms = stream->timeout_ms && stream->timeout_ms < limit_ms ? stream->timeout_ms : limit_ms;
    struct request request = {
        .method = stream->method,
        .body = &stream->body,
        .message_at = GRPC_PREFIX_LEN,
        .certificate_hash = connection->is_anonymous ? NULL : connection->certificate_hash,
        .peer = connection->peer,
        .request_id = stream->request_id,
        .traceparent = stream->traceparent,
        .deadline_ms = front_now_ms() + time_ms,
    };
    size_t body_len = stream->body.len;
    int r = route_submit(connection->front->route, &request, on_answer, stream, &stream->call);

    if (r == -EHOSTDOWN) {
        answer_refuse(stream);
        return;
    }
    if (r < 0) {
        answer_reason(stream, REASON_BUSY);
        return;
    }
    share_give(&connection->front->shares, connection->share, body_len);
    stream->phase = PHASE_SIGNER;
    stream_set_deadline(stream, time_ms);
}

void stream_end(struct stream *stream)
{
    struct bytes message;
    int error;

    stream->is_ended = true;
    if (stream->phase != PHASE_BODY)
        return;
    error = grpc_frame_open(buffer_bytes(&stream->body), &message);
    if (error == -EOPNOTSUPP)
        answer_status(stream, GRPC_UNIMPLEMENTED, "compressed messages are not taken", BYTES_NONE);
    else if (error)
        answer_reason(stream, REASON_MALFORMED);
    else if (stream->health)
        stream->health->answer(stream, message);
    else
        ask_signer(stream);
}

/* ---------------------------------------------------------------------------------------------- time and life */

void stream_set_deadline(struct stream *stream, uint64_t ms)
{
    deadline_set(&stream->connection->front->deadlines, &stream->deadline, ms);
}

bool stream_is_answered(const struct stream *stream)
{
    return stream->phase == PHASE_ANSWER && !stream->watch.is_on;
}

void stream_answered(struct stream *stream)
{
    nghttp2_session *session = stream->connection->session;

    if (stream->costs_connection)
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    else if (!stream->is_ended) /* RFC 9113 8.1: no need of the rest of the request */
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
}

/* Nothing can be said on a connection in the middle of a header, or to somebody who does not listen. */
static void cut(struct stream *stream)
{
    log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.slow_client", "peer=%s",
                      stream->connection->peer);
    connection_cut(stream->connection);
}

static void refuse_slow_body(struct stream *stream)
{
    stream->costs_connection = true;
    answer_reason(stream, REASON_DEADLINE);
}

static void give_up(struct stream *stream)
{
    route_cancel(TAKE(stream->call));
    front_count(stream->connection->front, FRONT_EXPIRED);
    answer_reason(stream, REASON_DEADLINE);
}

static void (*const time_is_up[PHASES])(struct stream *stream) = {
    [PHASE_HEADERS] = cut,
    [PHASE_BODY] = refuse_slow_body,
    [PHASE_SIGNER] = give_up,
    [PHASE_ANSWER] = cut,
};

static void on_deadline(void *context)
{
    struct stream *stream = context;

    time_is_up[stream->phase](stream);
}

/* Errors: -EBUSY (its client holds as much as it may), -ENOMEM. */
static int make_room(struct connection *connection, struct stream **ret)
{
    struct front *front = connection->front;
    struct stream *stream;

    if (!share_take(&front->shares, connection->share, STREAM_BYTES))
        return -EBUSY;
    stream = calloc(1, sizeof(*stream));
    if (stream && request_id_make(&front->request_ids, stream->request_id) == 0) {
        *ret = stream;
        return 0;
    }
    free(stream);
    share_give(&front->shares, connection->share, STREAM_BYTES);
    return -ENOMEM;
}

int stream_new(struct connection *connection, int32_t id, struct stream **ret)
{
    struct stream *stream;
    int error = make_room(connection, &stream);

    if (error)
        return error;
    stream->connection = connection;
    stream->id = id;
    stream->started_ms = front_now_ms();
    stream->grpc_status = -1;
    stream->deadline = (struct deadline){ .passed = on_deadline, .context = stream };
    stream_set_deadline(stream, connection->front->config->handshake_ms);
    LIST_INSERT_HEAD(&connection->streams, stream, entry);
    connection_stream_began(connection);
    *ret = stream;
    return 0;
}

/* The end of every call, however it ended. */
static void log_call(const struct stream *stream)
{
    const char *name = stream->method ? stream->method->name : stream->health ? stream->health->name : "-";
    uint64_t ms = front_now_ms() - stream->started_ms;
    const char *peer = stream->connection->peer;
    char trace[TRACE_ID_LEN + 1];

    traceparent_trace_id(stream->traceparent, trace);
    if (stream->grpc_status == GRPC_OK)
        log_event(LOG_LEVEL_DEBUG, "front.call", "method=%s ms=%" PRIu64 " request=%s peer=%s trace=%s", name,
                  ms, stream->request_id, peer, trace);
    else
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.call_failed",
                          "method=%s status=%d ms=%" PRIu64 " request=%s peer=%s trace=%s", name,
                          stream->grpc_status, ms, stream->request_id, peer, trace);
}

void stream_free(struct stream *stream)
{
    struct connection *connection;

    if (!stream)
        return;
    connection = stream->connection;
    log_call(stream);
    if (stream->call)
        route_cancel(stream->call);
    deadline_clear(&stream->deadline);
    watch_end(stream);
    LIST_REMOVE(stream, entry);
    connection->reply_bytes -= stream->reply.len - stream->reply_sent;
    body_clear(stream);
    buffer_clear(&stream->reply);
    share_give(&connection->front->shares, connection->share, STREAM_BYTES);
    free(stream);
    connection_stream_ended(connection);
}
