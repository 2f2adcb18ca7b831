/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - nghttp2's callbacks fill results; one loop moves bytes. */
#include "tests/integration/front/client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "include/table.h"
#include "proto/privyseal.pb-c.h"
#include "proxy/front/grpc_frame.h"

#define PATIENCE_MS 30000

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

/* ------------------------------------------------------------------------------------------------ connecting */

int client_tcp(const struct rig *rig)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(rig->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    ck_assert_int_ge(fd, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* a frame a write, none waits for another */
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

bool client_handshake(struct client *client, const struct rig *rig, const struct client_options *options)
{
    char byte;

    *client = (struct client){ .fd = client_tcp(rig), .tls = SSL_CTX_new(TLS_client_method()) };
    SSL_CTX_set_verify(client->tls, SSL_VERIFY_PEER, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client->tls), rig->authority.certificate);
    SSL_CTX_set_mode(client->tls, SSL_MODE_AUTO_RETRY);
    if (options->is_tls12)
        SSL_CTX_set_max_proto_version(client->tls, TLS1_2_VERSION);
    if (!options->has_no_alpn)
        SSL_CTX_set_alpn_protos(client->tls, alpn_h2, sizeof(alpn_h2));
    if (options->certificate) {
        ck_assert_int_eq(SSL_CTX_use_certificate(client->tls, options->certificate), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey(client->tls, options->key), 1);
    }
    client->ssl = SSL_new(client->tls);
    SSL_set_fd(client->ssl, client->fd);
    SSL_set1_host(client->ssl, "localhost");
    /* The front speaks first, its SETTINGS; whom it does not accept never gets them. */
    return SSL_connect(client->ssl) == 1 && SSL_peek(client->ssl, &byte, 1) == 1;
}

void client_connect(struct client *client, const struct rig *rig)
{
    struct client_options options = { 0 };

    authority_issue(&rig->authority, "somebody", ISSUE_CLIENT, &options.key, &options.certificate);
    ck_assert(client_handshake(client, rig, &options));
    EVP_PKEY_free(options.key);
    X509_free(options.certificate);
    client_speak(client);
}

void client_close(struct client *client)
{
    nghttp2_session_del(client->session);
    SSL_free(client->ssl);
    SSL_CTX_free(client->tls);
    close(client->fd);
    for (size_t i = 0; i < CLIENT_STREAMS_MAX; i++)
        buffer_clear(&client->results[i].body);
}

/* ------------------------------------------------------------------------------------------------- callbacks */

static struct result *result_of(struct client *client, int32_t stream)
{
    ck_assert_int_gt(stream, 0);
    ck_assert_int_lt((stream - 1) / 2, CLIENT_STREAMS_MAX);
    return &client->results[(stream - 1) / 2];
}

static void take_text(char *target, size_t size, const char *value)
{
    ck_assert_uint_lt(strlen(value), size);
    strcpy(target, value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *context)
{
    struct result *result = result_of(context, frame->hd.stream_id);
    const char *text = (const char *)value;

    (void)session, (void)name_len, (void)value_len, (void)flags;
    result->has_trailers = frame->headers.cat == NGHTTP2_HCAT_HEADERS;
    if (strcmp((const char *)name, ":status") == 0)
        result->http_status = atoi(text);
    else if (strcmp((const char *)name, "grpc-status") == 0)
        result->grpc_status = atoi(text);
    else if (strcmp((const char *)name, "content-length") == 0)
        result->content_length = atol(text);
    else if (strcmp((const char *)name, "grpc-message") == 0)
        take_text(result->message, sizeof(result->message), text);
    else if (strcmp((const char *)name, "grpc-status-details-bin") == 0)
        take_text(result->details, sizeof(result->details), text);
    else if (strcmp((const char *)name, "x-request-id") == 0)
        take_text(result->request_id, sizeof(result->request_id), text);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                   void *context)
{
    (void)session, (void)flags;
    buffer_append(&result_of(context, stream)->body, BYTES(data, len));
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    struct result *result = result_of(context, stream);

    (void)session;
    result->is_closed = true;
    result->reset = error;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct client *client = context;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->has_goaway = true;
        client->goaway_error = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *target, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct bytes *rest = source->ptr;
    size_t len = rest->len < size ? rest->len : size;

    (void)session, (void)stream, (void)context;
    if (len)
        memcpy(target, rest->data, len);
    *rest = BYTES(rest->data + len, rest->len - len);
    if (rest->len == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static ssize_t read_body_part(nghttp2_session *session, int32_t stream, uint8_t *target, size_t size,
                              uint32_t *flags, nghttp2_data_source *source, void *context)
{
    ssize_t len = read_body(session, stream, target, size, flags, source, context);

    *flags &= ~(uint32_t)NGHTTP2_DATA_FLAG_EOF; /* more is promised, and never comes */
    return len ? len : NGHTTP2_ERR_DEFERRED;
}

/* ------------------------------------------------------------------------------------------------ moving bytes */

void client_write_raw(struct client *client, struct bytes bytes)
{
    ck_assert_int_eq(SSL_write(client->ssl, bytes.data, (int)bytes.len), (int)bytes.len);
}

static void flush(struct client *client)
{
    const uint8_t *data;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(client->session, &data)) > 0)
        if (SSL_write(client->ssl, data, (int)len) <= 0)
            client->is_gone = true;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Takes in what is there or comes within @ms. */
static void receive(struct client *client, int ms)
{
    struct pollfd source = { .fd = client->fd, .events = POLLIN };
    uint8_t data[16384];
    int len;

    if (!SSL_pending(client->ssl) && poll(&source, 1, ms) <= 0)
        return;
    len = SSL_read(client->ssl, data, sizeof(data));
    if (len <= 0)
        client->is_gone = true;
    else if (client->session)
        ck_assert_int_eq(nghttp2_session_mem_recv(client->session, data, (size_t)len), len);
}

void client_speak(struct client *client)
{
    nghttp2_session_callbacks *callbacks;

    ck_assert_int_eq(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    ck_assert_int_eq(nghttp2_session_client_new(&client->session, callbacks, client), 0);
    nghttp2_session_callbacks_del(callbacks);
    ck_assert_int_eq(nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    flush(client);
}

bool client_is_cut_within(struct client *client, unsigned ms)
{
    uint64_t until_ms = now_ms() + ms;

    while (!client->is_gone && now_ms() < until_ms)
        receive(client, (int)(until_ms - now_ms()));
    return client->is_gone;
}

/* ---------------------------------------------------------------------------------------------------- asking */

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NONE };
}

int32_t client_send(struct client *client, const struct ask *ask)
{
    struct bytes rest = ask->body;
    nghttp2_data_provider provider = { .source.ptr = &rest,
                                       .read_callback = ask->is_unfinished ? read_body_part : read_body };
    const nghttp2_nv fields[] = {
        field(":method", ask->method ? ask->method : "POST"),
        field(":scheme", "https"),
        field(":authority", "localhost"),
        field(":path", ask->path),
        field("content-type", ask->content_type ? ask->content_type : "application/grpc"),
        field("te", "trailers"),
        field("grpc-timeout", ask->timeout ? ask->timeout : ""),
    };
    size_t count = ask->timeout ? ARRAY_SIZE(fields) : ARRAY_SIZE(fields) - 1;
    int32_t stream = nghttp2_submit_request(client->session, NULL, fields, count, &provider, NULL);
    struct result *result = result_of(client, stream);

    *result = (struct result){ .grpc_status = -1, .content_length = -1 };
    flush(client); /* all of it: the front's windows are larger than any body here */
    return stream;
}

struct result *client_wait_body(struct client *client, int32_t stream, size_t len)
{
    struct result *result = result_of(client, stream);
    uint64_t until_ms = now_ms() + PATIENCE_MS;

    while (!result->is_closed && result->body.len < len && !client->is_gone && now_ms() < until_ms) {
        receive(client, 200);
        flush(client);
    }
    return result;
}

struct result *client_wait(struct client *client, int32_t stream)
{
    return client_wait_body(client, stream, SIZE_MAX);
}

struct result *client_ask(struct client *client, const struct ask *ask)
{
    return client_wait(client, client_send(client, ask));
}

struct bytes client_frame(struct buffer *buffer, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);

    protobuf_c_message_pack(message, packed);
    grpc_frame_append(buffer, BYTES(packed, size));
    free(packed);
    return buffer_bytes(buffer);
}

int32_t client_send_order(struct client *client, const char *token, const char *timeout)
{
    CLEANUP(buffer_clear) struct buffer body = { 0 };
    Privyseal__V1__GetTokenRequest request = PRIVYSEAL__V1__GET_TOKEN_REQUEST__INIT;

    request.token = (char *)token;
    return client_send(client, &(struct ask){ .path = "/privyseal.v1.Tokens/GetToken",
                                              .timeout = timeout,
                                              .body = client_frame(&body, &request.base) });
}

struct result *client_order(struct client *client, const char *token)
{
    return client_wait(client, client_send_order(client, token, NULL));
}
