/* SPDX-License-Identifier: Apache-2.0 */
/* http2.c - from nghttp2's callbacks to connections and streams. */
#include "proxy/front/http2.h"

#include <errno.h>

#include "include/table.h"
#include "proxy/front/stream.h"

/* nghttp2 counts every reset, we count those that matter: connection_cancelled(). */
#define RESETS_AT_ONCE    100000
#define RESETS_PER_SECOND 50000

/* One message of any method fits, so that a call costs no WINDOW_UPDATE to wait for. */
#define STREAM_WINDOW     (128 * 1024)
#define CONNECTION_WINDOW (1024 * 1024)
#define HEADER_LIST_MAX   8192 /* advice to the client; stream.c has the limit */

static struct stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static bool is_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct stream *stream;
    int error;

    if (!is_request(frame))
        return 0;
    error = stream_new(context, frame->hd.stream_id, &stream);
    if (error == -EBUSY) /* RFC 9113 8.7: nothing was done, the client may ask again */
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    if (error)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* costs the stream */
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *context)
{
    struct stream *stream = stream_of(session, frame->hd.stream_id);

    (void)name_len; /* nghttp2 ends both with a NUL, and lets none through within */
    (void)value_len;
    (void)flags;
    (void)context;
    if (stream)
        stream_header(stream, (const char *)name, (const char *)value);
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                         void *context)
{
    struct stream *stream = stream_of(session, id);

    (void)flags;
    (void)context;
    if (stream)
        stream_data(stream, BYTES(data, len));
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct stream *stream = stream_of(session, frame->hd.stream_id);

    if (frame->hd.type == NGHTTP2_SETTINGS)
        connection_opened(context);
    if (!stream)
        return 0;
    if (is_request(frame))
        stream_headers_end(stream);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        stream_end(stream);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct stream *stream = stream_of(session, frame->hd.stream_id);

    (void)context;
    if (stream && frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        stream_answered(stream);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
    struct stream *stream = stream_of(session, id);

    if (stream && error != NGHTTP2_NO_ERROR && !stream_is_answered(stream))
        connection_cancelled(context);
    stream_free(stream);
    nghttp2_session_set_stream_user_data(session, id, NULL);
    return 0;
}

int http2_init(struct front *front)
{
    if (nghttp2_session_callbacks_new(&front->callbacks) || nghttp2_option_new(&front->options))
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_begin_headers_callback(front->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(front->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(front->callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(front->callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(front->callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(front->callbacks, on_stream_close);
    /* A long-lived connection must not keep what it once served. */
    nghttp2_option_set_no_closed_streams(front->options, 1);
    /* libcurl 7.88 resets every stream it has read to its end; nghttp2 would answer an honest client with GOAWAY. */
    nghttp2_option_set_stream_reset_rate_limit(front->options, RESETS_AT_ONCE, RESETS_PER_SECOND);
    return 0;
}

void http2_clear(struct front *front)
{
    nghttp2_session_callbacks_del(front->callbacks);
    nghttp2_option_del(front->options);
}

int http2_session_new(struct connection *connection)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, connection->front->config->max_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
    };
    struct front *front = connection->front;

    if (nghttp2_session_server_new2(&connection->session, front->callbacks, connection, front->options) ||
        nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) ||
        nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW))
        return -ENOMEM;
    return 0;
}
