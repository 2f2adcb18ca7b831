/* SPDX-License-Identifier: Apache-2.0 */
/* wire_session.c - HTTP/2 as nghttp2 speaks it: a call's request, its answer, and the end of either. */
#include <string.h>

#include "client/clock.h"
#include "client/wire_state.h"
#include "include/table.h"

#define WINDOW       (2 * 1024 * 1024) /* bytes in flight to us: more than the largest answer there is */
#define TIMEOUT_ROOM 24

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
    wire_call_end(cookie, call, WIRE_TOO_LARGE);
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
        wire_call_end(cookie, call, WIRE_ANSWERED);
    else
        wire_call_end(cookie, call, error == NGHTTP2_REFUSED_STREAM ? WIRE_REFUSED : WIRE_CUT_OFF);
    return 0;
}

/* What was not sent yet of @part, which begins at @at of the body. */
static size_t copy_body(struct wire_call *call, struct bytes part, size_t at, uint8_t *ret, size_t size)
{
    size_t done = call->body_sent - at, len;

    if (call->body_sent < at || done >= part.len)
        return 0;
    len = part.len - done < size ? part.len - done : size;
    memcpy(ret, part.data + done, len);
    call->body_sent += len;
    return len;
}

/* The request's body; that of a call whose caller has left is not there any more. */
static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *cookie)
{
    struct wire_call *call = call_of(session, stream);
    uint8_t prefix[GRPC_PREFIX_LEN];
    size_t len = 0;

    (void)source, (void)cookie;
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    grpc_prefix(call->request->message.len, prefix);
    len += copy_body(call, BYTES_OF_ARRAY(prefix), 0, data, size);
    len += copy_body(call, call->request->message, sizeof(prefix), data + len, size - len);
    if (call->body_sent == sizeof(prefix) + call->request->message.len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

/* ----------------------------------------------------------------------------------------------------- beginnings */

int wire_session_start(struct wire *wire)
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

/* "1500m": what is left, as grpc-timeout has it. */
static const char *write_timeout(int64_t deadline_ms, char room[TIMEOUT_ROOM])
{
    unsigned left = clock_left_ms(deadline_ms);
    char *at = room + TIMEOUT_ROOM;

    *--at = '\0';
    *--at = 'm';
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    return at;
}

int32_t wire_session_submit(struct wire *wire, struct wire_call *call)
{
    const struct wire_request *request = call->request;
    nghttp2_data_provider body = { .read_callback = read_body };
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
