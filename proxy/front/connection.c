/* SPDX-License-Identifier: Apache-2.0 */
/* connection.c - a bufferevent with TLS, an nghttp2 session upon it, and one timer. */
#include "proxy/front/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/rate.h"
#include "proxy/front/address.h"
#include "proxy/front/http2.h"
#include "proxy/front/strangers.h"
#include "proxy/front/stream.h"
#include "proxy/front/tls.h"

#define OUTPUT_MAX        ((size_t)64 * 1024) /* ciphertext-to-be that waits for a slow reader */
#define FAILURES_A_MINUTE 600                 /* logged, each kind */
#define LINGER_MS         1000

/* Withdrawn calls cost work for nothing ("rapid reset", CVE-2023-44487). nghttp2's own limits, for calls proper. */
#define CANCELS_AT_ONCE 1000
#define CANCEL_NS       30000000 /* one more every 30 ms */

static void set_timer(struct connection *connection, uint64_t ms)
{
    struct timeval time = front_timeval(ms);

    evtimer_add(&connection->timer, &time);
}

/* ---------------------------------------------------------------------------------------------------- output */

/* Errors: -EPROTO (the session cannot go on). */
static int write_frames(struct connection *connection)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    const uint8_t *data;
    ssize_t len = 0;

    while (evbuffer_get_length(output) < OUTPUT_MAX) {
        len = nghttp2_session_mem_send(connection->session, &data);
        if (len <= 0)
            break;
        if (evbuffer_add(output, data, (size_t)len))
            return -EPROTO;
    }
    return len < 0 ? -EPROTO : 0;
}

/* Both sides said all they had to. */
static bool is_finished(const struct connection *connection)
{
    return !nghttp2_session_want_read(connection->session) &&
           !nghttp2_session_want_write(connection->session) &&
           evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0;
}

/*
 * Closing a socket that still has unread input resets it, and the client might never read our last words. So close one
 * way, ignore what comes, and go when the client does, or soon after.
 */
static void linger(struct connection *connection)
{
    SSL_shutdown(bufferevent_openssl_get_ssl(connection->bev));
    shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
    connection->is_leaving = true;
    set_timer(connection, LINGER_MS);
}

void connection_flush(struct connection *connection)
{
    if (connection->is_receiving || connection->is_leaving)
        return;
    if (write_frames(connection)) {
        connection_free(connection);
    } else if (is_finished(connection)) {
        linger(connection);
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
        connection_free(connection);
        return;
    }
    nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    connection_flush(connection);
}

/* ----------------------------------------------------------------------------------------------------- input */

/* Errors: -EPROTO (the client does not speak HTTP/2, or floods). */
static int receive(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    ssize_t taken = 0;
    size_t len;

    connection->is_receiving = true;
    while (taken >= 0 && (len = evbuffer_get_contiguous_space(input)) > 0) {
        taken = nghttp2_session_mem_recv(connection->session, evbuffer_pullup(input, (ev_ssize_t)len), len);
        evbuffer_drain(input, taken > 0 ? (size_t)taken : 0);
    }
    connection->is_receiving = false;
    if (taken >= 0)
        return 0;
    log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.bad_http2", "peer=%s why=\"%s\"",
                      connection->peer, nghttp2_strerror((int)taken));
    return -EPROTO;
}

static void on_read(struct bufferevent *bev, void *context)
{
    struct connection *connection = context;

    if (connection->is_leaving || !connection->session)
        evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
    else if (receive(connection))
        connection_free(connection);
    else
        connection_flush(connection);
}

static void on_write(struct bufferevent *bev, void *context)
{
    struct connection *connection = context;

    (void)bev;
    if (connection->session)
        connection_flush(connection);
}

static int check_peer(struct connection *connection, const char **why)
{
    SSL *ssl = bufferevent_openssl_get_ssl(connection->bev);

    return connection->is_anonymous ? tls_peer_anonymous(ssl, why)
                                    : tls_peer(ssl, connection->certificate_hash, why);
}

static void on_handshake_done(struct connection *connection)
{
    const char *why;

    if (check_peer(connection, &why)) {
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.refused", "peer=%s why=\"%s\"",
                          connection->peer, why);
        connection_free(connection);
    } else if (http2_session_new(connection)) {
        connection_free(connection);
    } else {
        connection_flush(connection);
    }
}

/* What OpenSSL disliked, in its words; empty when the other side just went away. */
static const char *tls_error(struct connection *connection)
{
    unsigned long error = bufferevent_get_openssl_error(connection->bev);
    const char *text = error ? ERR_reason_error_string(error) : NULL;

    ERR_clear_error();
    return text ? text : "";
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
    struct connection *connection = context;
    const char *why;

    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        on_handshake_done(connection);
        return;
    }
    why = tls_error(connection);
    if (!connection->session)
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.no_handshake", "peer=%s why=\"%s\"",
                          connection->peer, why);
    connection_free(connection);
}

/* ------------------------------------------------------------------------------------------------------ time */

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    (void)what;
    if (connection->is_leaving) {
        connection_free(connection);
    } else if (connection->is_open) {
        set_timer(connection, connection->front->config->handshake_ms); /* to take leave */
        connection->is_open = false;
        connection_end(connection);
    } else {
        log_event_limited(LOG_LEVEL_INFO, FAILURES_A_MINUTE, "front.slow_client", "peer=%s",
                          connection->peer);
        connection_free(connection);
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
        set_timer(connection, idle_ms(connection));
}

void connection_stream_began(struct connection *connection)
{
    if (connection->stream_count++ == 0)
        evtimer_del(&connection->timer);
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
        set_timer(connection, idle_ms(connection));
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

/* Takes over @socket. NULL: no memory. */
static struct bufferevent *tls_bufferevent(struct front *front, enum tls_clients clients, int socket)
{
    CLEANUP(descriptor_close) int owned = socket;
    SSL *ssl = SSL_new(front->tls[clients]);
    struct bufferevent *bev;

    if (!ssl)
        return NULL;
    bev = bufferevent_openssl_socket_new(front->base, socket, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                         BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    owned = -1;
    return bev;
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
    evtimer_assign(&connection->timer, front->base, on_timer, connection);
    set_timer(connection, front->config->handshake_ms);
    *ret = connection;
    return 0;
}

int connection_new(struct front *front, int socket, const struct sockaddr *peer, bool is_anonymous)
{
    CLEANUP(descriptor_close) int owned = socket;
    struct timeval stalled = front_timeval(front->config->handshake_ms);
    struct connection *connection = NULL;
    int error = admit(front, peer, is_anonymous, &connection);

    if (error)
        return error;
    connection->bev =
        tls_bufferevent(front, connection->is_anonymous ? TLS_CLIENTS_ANONYMOUS : TLS_CLIENTS_CERTIFIED,
                        TAKE_DESCRIPTOR(owned));
    if (!connection->bev) {
        connection_free(connection);
        return -ENOMEM;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(connection->bev, 1);
    bufferevent_setcb(connection->bev, on_read, on_write, on_event, connection);
    bufferevent_set_timeouts(connection->bev, NULL, &stalled); /* of a write that makes no progress */
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
    return 0;
}

void connection_free(struct connection *connection)
{
    struct front *front = connection->front;
    struct stream *stream;

    while ((stream = LIST_FIRST(&connection->streams)))
        stream_free(stream);
    evtimer_del(&connection->timer);
    nghttp2_session_del(connection->session);
    if (connection->bev)
        bufferevent_free(connection->bev);
    LIST_REMOVE(connection, entry);
    front->connection_count--;
    front_tell(front);
    leave(front, connection);
    free(connection);
    front_connection_gone(front);
}
