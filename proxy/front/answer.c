/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - headers, message and trailers, as nghttp2 takes them. */
#include "proxy/front/answer.h"

#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "proxy/front/grpc_frame.h"
#include "proxy/front/route.h"

#define REPLY_BYTES_MAX ((size_t)8 * 1024 * 1024) /* answers one client has not taken away yet */

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)name, .value = (uint8_t *)value, .namelen = strlen(name), .valuelen = strlen(value)
    };
}

static void enter_answer(struct stream *stream, int grpc_status)
{
    stream->phase = PHASE_ANSWER;
    stream->grpc_status = grpc_status;
    stream_set_deadline(stream, stream->connection->front->config->handshake_ms);
}

/* Headers and nothing more. Without memory for them the stream is reset. */
static void submit_headers(struct stream *stream, const nghttp2_nv *fields, size_t count)
{
    nghttp2_session *session = stream->connection->session;

    if (nghttp2_submit_response(session, stream->id, fields, count, NULL))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
    connection_flush(stream->connection);
}

void answer_http(struct stream *stream, const char *http_status)
{
    const nghttp2_nv fields[] = {
        field(":status", http_status),
        field("content-length", "0"),
        field("x-request-id", stream->request_id),
    };

    enter_answer(stream, GRPC_UNKNOWN);
    submit_headers(stream, fields, ARRAY_SIZE(fields));
}

/* content-length although there is no content, for libcurl, which resets streams without. */
void answer_status(struct stream *stream, enum grpc_status status, const char *message, struct bytes details)
{
    CLEANUP(buffer_clear) struct buffer encoded = { 0 };
    CLEANUP(buffer_clear) struct buffer binary = { 0 };
    char number[12];
    nghttp2_nv fields[7];
    size_t count = 0;

    snprintf(number, sizeof(number), "%u", (unsigned)status);
    grpc_message_append(&encoded, message);
    buffer_append_u8(&encoded, 0);
    grpc_binary_append(&binary, details);
    buffer_append_u8(&binary, 0);
    fields[count++] = field(":status", "200");
    fields[count++] = field("content-type", "application/grpc");
    fields[count++] = field("content-length", "0");
    fields[count++] = field("x-request-id", stream->request_id);
    fields[count++] = field("grpc-status", number);
    if (!encoded.failed)
        fields[count++] = field("grpc-message", (const char *)encoded.data);
    if (details.len && !binary.failed)
        fields[count++] = field("grpc-status-details-bin", (const char *)binary.data);
    enter_answer(stream, (int)status);
    submit_headers(stream, fields, count);
}

void answer_reason(struct stream *stream, enum reason reason)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    CLEANUP(buffer_clear) struct buffer details = { 0 };
    const struct reason_row *row = reason_row(reason);
    struct failure failure = failure_of(reason);

    memcpy(failure.request_id, stream->request_id, sizeof(failure.request_id));
    if (reason == REASON_BUSY)
        failure.retry_after_ms = route_retry_after_ms(stream->connection->front->route);
    if (!stream->method || failure_encode(NULL, &failure, stream->method, BYTES_NONE, BYTES_NONE, &packed) ||
        failure_wrap_status(row->status, row->sentence, buffer_bytes(&packed), &details))
        buffer_clear(&details);
    answer_status(stream, row->status, row->sentence, buffer_bytes(&details));
}

void answer_refuse(struct stream *stream)
{
    nghttp2_session *session = stream->connection->session;

    enter_answer(stream, GRPC_UNAVAILABLE);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_REFUSED_STREAM);
    connection_flush(stream->connection);
}

size_t answer_piece(struct stream *stream, uint8_t *target, size_t size)
{
    size_t left = stream->reply.len - stream->reply_sent;
    size_t len = left < size ? left : size;

    if (len)
        memcpy(target, stream->reply.data + stream->reply_sent, len);
    stream->reply_sent += len;
    stream->connection->reply_bytes -= len;
    return len;
}

int answer_trailers(nghttp2_session *session, int32_t id, enum grpc_status status)
{
    char number[12];
    nghttp2_nv trailer;

    snprintf(number, sizeof(number), "%u", (unsigned)status);
    trailer = field("grpc-status", number);
    return nghttp2_submit_trailer(session, id, &trailer, 1);
}

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *target, size_t size, uint32_t *flags,
                          nghttp2_data_source *source, void *context)
{
    struct stream *stream = source->ptr;
    size_t len = answer_piece(stream, target, size);

    (void)context;
    stream_set_deadline(stream, stream->connection->front->config->handshake_ms);
    if (stream->reply_sent == stream->reply.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (answer_trailers(session, id, GRPC_OK))
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)len;
}

void answer_message(struct stream *stream, struct bytes message)
{
    struct connection *connection = stream->connection;
    nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = read_reply };
    char content_length[24];
    nghttp2_nv fields[4];

    grpc_frame_append(&stream->reply, message);
    if (stream->reply.failed || connection->reply_bytes + stream->reply.len > REPLY_BYTES_MAX) {
        buffer_clear(&stream->reply);
        answer_reason(stream, REASON_BUSY);
        return;
    }
    connection->reply_bytes += stream->reply.len;
    enter_answer(stream, GRPC_OK);
    snprintf(content_length, sizeof(content_length), "%zu", stream->reply.len);
    fields[0] = field(":status", "200");
    fields[1] = field("content-type", "application/grpc");
    fields[2] = field("content-length", content_length);
    fields[3] = field("x-request-id", stream->request_id);
    if (nghttp2_submit_response(connection->session, stream->id, fields, ARRAY_SIZE(fields), &provider))
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
    connection_flush(connection);
}

void answer_stream(struct stream *stream, nghttp2_data_source_read_callback read)
{
    nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = read };
    nghttp2_session *session = stream->connection->session;
    const nghttp2_nv fields[] = {
        field(":status", "200"),
        field("content-type", "application/grpc"),
        field("x-request-id", stream->request_id),
    };

    enter_answer(stream, GRPC_OK);
    deadline_clear(&stream->deadline);
    if (nghttp2_submit_response(session, stream->id, fields, ARRAY_SIZE(fields), &provider))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
    connection_flush(stream->connection);
}
