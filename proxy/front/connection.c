/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c - a TLS stream, an nghttp2 session upon it, and one deadline. */
#include "proxy/front/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/rate.h"
#include "proxy/front/address.h"
#include "proxy/front/http2.h"
#include "proxy/front/strangers.h"
#include "proxy/front/stream.h"

#define OUTPUT_MAX        ((size_t)64 * 1024) /* waits for a slow reader; the rest stays with HTTP/2 */
#define FAILURES_A_MINUTE 600                 /* logged, each kind */
#define LINGER_MS         1000

/* Withdrawn calls cost work for nothing ("rapid reset", CVE-2023-44487). nghttp2's own limits, for calls proper. */
#define CANCELS_AT_ONCE 1000
#define CANCEL_NS       30000000 /* one more every 30 ms */

static void set_deadline(struct connection *connection, uint64_t ms)
{
    deadline_set(&connection->front->deadlines, &connection->deadline, ms);
}

void connection_cut(struct connection *connection)
{
    connection->is_cut = true;
    connection->tls.is_deaf = true;
    round_put_off(&connection->front->round, &connection->flushing);
}

/* ---------------------------------------------------------------------------------------------------- output */

void connection_flush(struct connection *connection)
{
    round_put_off(&connection->front->round, &connection->flushing);
}

/* Errors: -EPROTO (the session cannot go on). */
static int write_frames(struct connection *connection)
{
    const uint8_t *data;
    ssize_t len = 0;

    while (tls_stream_backlog(&connection->tls) < OUTPUT_MAX) {
        len = nghttp2_session_mem_send(connection->session, &data);
        if (len <= 0)
            break;
        if (tls_stream_write(&connection->tls, BYTES(data, (size_t)len)))
            return -EPROTO;
    }
    return len < 0 ? -EPROTO : 0;
}

/*
 * Both sides said all they had to. Closing a socket that still has unread input resets it, and the client might
 * never read our last words. So close one way once they are out, ignore what comes, and go when the client does, or
 * soon after.
 */
static void take_leave(struct connection *connection)
{
    connection->is_leaving = true;
    tls_stream_say_goodbye(&connection->tls);
    set_deadline(connection, connection->front->config->handshake_ms);
}

/* Errors: -EPROTO. */
static int speak(struct connection *connection)
{
    nghttp2_session *session = connection->session;

    if (!session || connection->is_leaving)
        return 0;
    if (write_frames(connection))
        return -EPROTO;
    if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session))
        take_leave(connection);
    return 0;
}

/* Who is cut, for want of a certificate say, may still read TLS's alert that tells why. */
static void on_flushing(void *context)
{
    struct connection *connection = context;

    if (connection->is_cut)
        flow_flush(&connection->tls.flow);
    if (connection->is_cut || speak(connection) || tls_stream_flush(&connection->tls))
        connection_free(connection);
}

static void on_written(void *owner)
{
    struct connection *connection = owner;

    if (connection->is_leaving) {
        shutdown(connection->tls.flow.fd, SHUT_WR);
        set_deadline(connection, LINGER_MS);
    } else if (connection->session && nghttp2_session_want_write(connection->session)) {
        connection_flush(connection);
    }
}

void connection_announce_end(struct connection *connection)
{
    if (!connection->session)
        return;
    nghttp2_submit_shutdown_notice(connection->session);
    connection_flush(connection);
}

void connection_end(struct connection *connection)
{
    nghttp2_session *session = connection->session;

    if (!session) {
        connection_cut(connection);
        return;
    }
    nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    connection_flush(connection);
}

/* ----------------------------------------------------------------------------------------------------- input */

static int check_peer(struct connection *connection, const char **why)
{
    SSL *ssl = connection->tls.ssl;

    return connection->is_anonymous ? tls_peer_anonymous(ssl, why)
                                    : tls_peer(ssl, connection->certificate_hash, why);
}

/* Errors: -ENOMEM. */
static int join_client(struct connection *connection)
{
    return share_join(&connection->front->shares,
                      connection->is_anonymous ? NULL : connection->certificate_hash, &connection->share);
}

static void on_opened(void *owner)
{
    struct connection *connection = owner;
    const char *why = "out of memory";

    if (check_peer(connection, &why) == 0 && join_client(connection) == 0 &&
        http2_session_new(connection) == 0)
        return;
    log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.refused", "peer=%s why=\"%s\"",
                      connection->peer, why);
    connection_cut(connection);
}

/* What is no HTTP/2, or a flood of it, costs the connection. */
static void on_received(void *owner, struct bytes plain)
{
    struct connection *connection = owner;
    ssize_t taken = nghttp2_session_mem_recv(connection->session, plain.data, plain.len);

    if (taken >= 0)
        return;
    log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.bad_http2", "peer=%s why=\"%s\"",
                      connection->peer, nghttp2_strerror((int)taken));
    connection_cut(connection);
}

static void on_taken(void *owner)
{
    connection_flush(owner);
}

static void on_ended(void *owner, const char *why)
{
    struct connection *connection = owner;

    if (!connection->session)
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.no_handshake", "peer=%s why=\"%s\"",
                          connection->peer, why ? why : "");
    connection_cut(connection);
}

static const struct tls_stream_ops tls_ops = {
    .opened = on_opened, .received = on_received, .taken = on_taken, .written = on_written, .ended = on_ended
};

/* ------------------------------------------------------------------------------------------------------ time */

static void on_deadline(void *context)
{
    struct connection *connection = context;

    if (connection->is_leaving) {
        connection_cut(connection);
    } else if (connection->is_open) {
        set_deadline(connection, connection->front->config->handshake_ms); /* to take leave */
        connection->is_open = false;
        connection_end(connection);
    } else {
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.slow_client", "peer=%s",
                          connection->peer);
        connection_cut(connection);
    }
}

/* Strangers come for a few calls, and leave. */
static uint64_t idle_ms(const struct connection *connection)
{
    const struct proxy_config *config = connection->front->config;

    return connection->is_anonymous ? config->handshake_ms : config->idle_ms;
}

void connection_opened(struct connection *connection)
{
    if (connection->is_open)
        return;
    connection->is_open = true;
    if (connection->stream_count == 0)
        set_deadline(connection, idle_ms(connection));
}

void connection_stream_began(struct connection *connection)
{
    if (connection->stream_count++ == 0)
        deadline_clear(&connection->deadline);
}

void connection_cancelled(struct connection *connection)
{
    if (rate_bucket_take(&connection->cancels, CANCEL_NS, (uint64_t)CANCELS_AT_ONCE * CANCEL_NS,
                         front_now_ns()))
        return;
    log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.reset_flood", "peer=%s", connection->peer);
    nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

void connection_stream_ended(struct connection *connection)
{
    if (--connection->stream_count == 0 && !connection->is_leaving)
        set_deadline(connection, idle_ms(connection));
}

/* ------------------------------------------------------------------------------------------------------ life */

static void write_peer(const struct sockaddr *peer, char text[PEER_MAX_LEN])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
    char address[INET6_ADDRSTRLEN];

    /* Not getnameinfo(), which asks for the names of interfaces: the sandbox knows no such call. */
    if (peer->sa_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, address, sizeof(address)))
        snprintf(text, PEER_MAX_LEN, "%s:%u", address, ntohs(v4->sin_port));
    else if (peer->sa_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof(address)))
        snprintf(text, PEER_MAX_LEN, "[%s]:%u", address, ntohs(v6->sin6_port));
    else
        snprintf(text, PEER_MAX_LEN, "unknown");
}

/* Errors: -EUSERS, -EAGAIN. */
static int enter(struct front *front, const struct connection *connection)
{
    if (front->addresses && address_enter(front->addresses, connection->address))
        return -EUSERS;
    if (!connection->is_anonymous || strangers_enter(front->strangers, connection->address, front_now_ns()))
        return 0;
    if (front->addresses)
        address_leave(front->addresses, connection->address);
    return -EAGAIN;
}

static void leave(struct front *front, const struct connection *connection)
{
    if (front->addresses)
        address_leave(front->addresses, connection->address);
    if (connection->is_anonymous)
        strangers_leave(front->strangers);
}

/* Errors: -EUSERS, -EAGAIN, -ENOMEM. */
static int admit(struct front *front, const struct sockaddr *peer, bool is_anonymous, struct connection **ret)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    int error;

    if (!connection)
        return -ENOMEM;
    connection->address = address_key(peer);
    connection->is_anonymous = is_anonymous;
    error = enter(front, connection);
    if (error) {
        free(connection);
        return error;
    }
    connection->front = front;
    write_peer(peer, connection->peer);
    LIST_INIT(&connection->streams);
    LIST_INSERT_HEAD(&front->connections, connection, entry);
    front->connection_count++;
    front_tell(front);
    connection->deadline = (struct deadline){ .passed = on_deadline, .context = connection };
    connection->flushing = (struct round_task){ .run = on_flushing, .context = connection };
    connection->tls.flow = FLOW_CLOSED;
    set_deadline(connection, front->config->handshake_ms);
    *ret = connection;
    return 0;
}

int connection_new(struct front *front, int socket, const struct sockaddr *peer, bool is_anonymous)
{
    CLEANUP(descriptor_close) int owned = socket;
    SSL_CTX *ctx = front->tls[is_anonymous ? TLS_CLIENTS_ANONYMOUS : TLS_CLIENTS_CERTIFIED];
    struct connection *connection = NULL;
    int error = admit(front, peer, is_anonymous, &connection);

    if (error)
        return error;
    error = tls_stream_open(&connection->tls, front, ctx, TAKE_DESCRIPTOR(owned), front->config->handshake_ms,
                            &tls_ops, connection);
    if (error)
        connection_free(connection);
    return error;
}

void connection_free(struct connection *connection)
{
    struct front *front = connection->front;
    struct stream *stream;

    while ((stream = LIST_FIRST(&connection->streams)))
        stream_free(stream);
    deadline_clear(&connection->deadline);
    round_forget(&front->round, &connection->flushing);
    share_leave(connection->share);
    nghttp2_session_del(connection->session);
    tls_stream_close(&connection->tls);
    LIST_REMOVE(connection, entry);
    front->connection_count--;
    front_tell(front);
    leave(front, connection);
    free(connection);
    front_connection_gone(front);
}
