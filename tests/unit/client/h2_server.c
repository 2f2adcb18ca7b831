/* SPDX-License-Identifier: Apache-2.0 */
/* h2_server.c - as little HTTP/2 as one unary call needs. */
#include "tests/unit/client/h2_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/bytes.h"

#define MANY_BYTES ((size_t)1200 * 1024)

struct connection {
    struct h2_shared *shared;
    SSL *ssl;
    bool has_answered;
    bool ends; /* once all is said */
};

/* One call: a record may bring several. */
struct stream {
    struct buffer body; /* the request's, which is the answer's too */
    size_t sent;
};

#define HEADER(name_, value_)                                                                                \
    {                                                                                                        \
        .name = (uint8_t *)(name_), .value = (uint8_t *)(value_), .namelen = strlen(name_),                  \
        .valuelen = strlen(value_)                                                                           \
    }

static ssize_t give_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *cookie)
{
    struct stream *call = source->ptr;
    nghttp2_nv trailers[] = { HEADER("grpc-status", "0") };
    size_t rest = call->body.len - call->sent, n = rest < room ? rest : room;

    (void)cookie;
    memcpy(data, call->body.data + call->sent, n);
    call->sent += n;
    if (n == rest) {
        *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_submit_trailer(session, stream, trailers, 1);
    }
    return (ssize_t)n;
}

static void answer_with_body(nghttp2_session *session, int32_t stream, struct stream *call)
{
    nghttp2_data_provider body = { .source.ptr = call, .read_callback = give_body };
    char length[24];
    nghttp2_nv headers[] = { HEADER(":status", "200"), HEADER("content-type", "application/grpc"),
                             HEADER("content-length", length) };

    snprintf(length, sizeof(length), "%zu", call->body.len);
    headers[2].valuelen = strlen(length);
    nghttp2_submit_response(session, stream, headers, 3, &body);
}

static void answer_refused(nghttp2_session *session, int32_t stream)
{
    nghttp2_nv headers[] = { HEADER(":status", "200"), HEADER("content-type", "application/grpc"),
                             HEADER("grpc-status", "7"), HEADER("grpc-message", "not%20you") };

    nghttp2_submit_response(session, stream, headers, 4, NULL);
}

static void fill_with_much(struct buffer *body)
{
    CLEANUP(free) void *zeros = calloc(1, MANY_BYTES);

    buffer_clear(body);
    buffer_append_u8(body, 0);
    buffer_append_u32(body, (uint32_t)MANY_BYTES);
    buffer_append(body, BYTES(zeros, MANY_BYTES));
}

static void act(nghttp2_session *session, int32_t stream, struct connection *connection)
{
    struct stream *call = nghttp2_session_get_stream_user_data(session, stream);
    enum h2_behaviour behaviour = atomic_load(&connection->shared->behaviour);

    atomic_fetch_add(&connection->shared->requests, 1);
    if (behaviour == H2_HANG || (behaviour == H2_HANG_OLD && connection->has_answered))
        return;
    while (behaviour == H2_FREEZE_OLD && connection->has_answered)
        pause();
    if (behaviour == H2_CLOSE)
        _exit(0);
    if (behaviour == H2_REFUSE_STREAM) {
        atomic_store(&connection->shared->behaviour, H2_ECHO);
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_REFUSED_STREAM);
        return;
    }
    if (behaviour == H2_REFUSE) {
        answer_refused(session, stream);
        return;
    }
    if (behaviour == H2_TOO_MUCH)
        fill_with_much(&call->body);
    answer_with_body(session, stream, call);
    connection->has_answered = true;
    if (behaviour == H2_GOAWAY_AFTER)
        nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR, NULL, 0);
    connection->ends = behaviour == H2_CLOSE_AFTER;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                   void *cookie)
{
    struct stream *call = nghttp2_session_get_stream_user_data(session, stream);

    (void)flags;
    (void)cookie;
    buffer_append(&call->body, BYTES(data, len));
    return 0;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *cookie)
{
    (void)cookie;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, calloc(1, sizeof(struct stream)));
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *cookie)
{
    struct stream *call = nghttp2_session_get_stream_user_data(session, stream);

    (void)error;
    (void)cookie;
    buffer_clear(&call->body);
    free(call);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *cookie)
{
    struct connection *connection = cookie;

    if (frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        act(session, frame->hd.stream_id, connection);
    return 0;
}

static void flush(nghttp2_session *session, struct connection *connection)
{
    const uint8_t *data;
    ssize_t n;

    while ((n = nghttp2_session_mem_send(session, &data)) > 0)
        if (SSL_write(connection->ssl, data, (int)n) <= 0)
            _exit(0);
}

static void serve(struct connection *connection)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    uint8_t data[16384];
    int n;

    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_server_new(&session, callbacks, connection);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0);
    flush(session, connection);
    while ((n = SSL_read(connection->ssl, data, sizeof(data))) > 0) {
        if (nghttp2_session_mem_recv(session, data, (size_t)n) < 0)
            break;
        flush(session, connection);
        if (connection->ends && !nghttp2_session_want_write(session))
            break;
    }
    SSL_shutdown(connection->ssl);
    atomic_fetch_add(&connection->shared->ended, 1);
}

/* ------------------------------------------------------------------------------------------------------- listening */

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned int in_len, void *cookie)
{
    (void)ssl;
    (void)cookie;
    return nghttp2_select_next_protocol((unsigned char **)out, out_len, in, in_len) == 1
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *make_context(const struct throwaway *own, const struct throwaway *root)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_use_certificate(context, own->certificate);
    SSL_CTX_use_PrivateKey(context, own->key);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root->certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(context, (const uint8_t *)"test", 4);
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
    return context;
}

static void serve_socket(int fd, SSL_CTX *context, struct h2_shared *shared)
{
    struct connection connection = { .shared = shared, .ssl = SSL_new(context) };

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    SSL_set_fd(connection.ssl, fd);
    if (SSL_accept(connection.ssl) != 1)
        _exit(0);
    X509_digest(SSL_get0_peer_certificate(connection.ssl), EVP_sha256(), shared->peer, NULL);
    atomic_fetch_add(&shared->connections, 1);
    serve(&connection);
    _exit(0);
}

static void listen_for_ever(int listener, SSL_CTX *context, struct h2_shared *shared)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(listener);
            serve_socket(fd, context, shared);
        }
        close(fd);
    }
}

struct h2_server h2_server_start(const struct throwaway *own, const struct throwaway *root)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t address_len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct h2_server server = { 0 };
    SSL_CTX *context = make_context(own, root);

    server.shared =
        mmap(NULL, sizeof(*server.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(server.shared, MAP_FAILED);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 64), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &address_len), 0);
    server.port = ntohs(address.sin_port);
    server.pid = fork();
    ck_assert_int_ge(server.pid, 0);
    if (server.pid == 0)
        listen_for_ever(listener, context, server.shared);
    close(listener);
    SSL_CTX_free(context);
    return server;
}

void h2_server_stop(struct h2_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    munmap(server->shared, sizeof(*server->shared));
}
