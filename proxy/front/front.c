/* SPDX-License-Identifier: Apache-2.0 */
/* front.c - the life of the front: builds its state, enters the sandbox, serves, takes everything down. */
#include "proxy/front/front.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "include/log.h"
#include "include/rate.h"
#include "proxy/front/address.h"
#include "proxy/front/connection.h"
#include "proxy/front/context.h"
#include "proxy/front/control.h"
#include "proxy/front/drain.h"
#include "proxy/front/http2.h"
#include "proxy/front/listener.h"
#include "proxy/front/public_http.h"
#include "proxy/front/route.h"
#include "proxy/front/sandbox.h"
#include "proxy/front/strangers.h"
#include "proxy/front/tls_stream.h"

#define OTHER_DESCRIPTORS 64                          /* control, listeners, signers, epoll, standard error */
#define CALLS_MAX         ((size_t)256 * 1024 * 1024) /* bytes of calls that no signer has yet */

uint64_t front_descriptors(const struct proxy_config *config)
{
    return (uint64_t)config->max_connections + config->signers + OTHER_DESCRIPTORS + PUBLIC_HTTP_CONNECTIONS;
}

void front_leave(struct front *front, int status)
{
    front->status = status;
    front->is_leaving = true;
}

void front_connection_gone(struct front *front)
{
    if (front->is_draining && LIST_EMPTY(&front->connections))
        front_leave(front, EX_OK);
}

static void front_clear(struct front *front)
{
    struct connection *connection;

    listener_free_all(front);
    public_http_free(front->public_http);
    while ((connection = LIST_FIRST(&front->connections)))
        connection_free(connection);
    drain_stop(front);
    if (front->pulse_event)
        event_free(front->pulse_event);
    control_stop(front);
    route_free(front->route);
    address_table_free(front->addresses);
    rate_free(front->rate);
    http2_clear(front);
    for (int kind = 0; kind < TLS_CLIENT_KINDS; kind++)
        SSL_CTX_free(front->tls[kind]);
    BIO_meth_free(front->tls_bio);
    strangers_free(front->strangers);
    if (!front->base)
        return;
    deadlines_clear(&front->deadlines);
    event_base_loop(front->base,
                    EVLOOP_NONBLOCK); /* bufferevents are really freed in the loop's next round */
    event_base_free(front->base);
}
DEFINE_CLEAR(front_clear, struct front);

void front_tell(const struct front *front)
{
    struct tm until = { 0 };
    X509 *certificate = front->tls[TLS_CLIENTS_CERTIFIED]
                            ? SSL_CTX_get0_certificate(front->tls[TLS_CLIENTS_CERTIFIED])
                            : NULL;

    if (!front->metrics)
        return;
    metrics_set(&front->metrics->values[FRONT_CONNECTIONS], front->connection_count);
    metrics_set(&front->metrics->values[FRONT_SEEN], (uint64_t)time(NULL));
    if (certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until))
        metrics_set(&front->metrics->values[FRONT_TLS_EXPIRY], (uint64_t)timegm(&until));
}

/* The loop goes round. */
static void on_pulse(evutil_socket_t fd, short what, void *context)
{
    const struct front *front = context;

    (void)fd;
    (void)what;
    pulse_beat(front->pulse, PULSE_PATIENCE_MS);
}

static int start_pulse(struct front *front)
{
    struct timeval interval = front_timeval(PULSE_MS);

    front->pulse_event = event_new(front->base, -1, EV_PERSIST, on_pulse, front);
    return front->pulse_event && event_add(front->pulse_event, &interval) == 0 ? 0 : -ENOMEM;
}

/* Errors: -ENOMEM. */
static int front_init(struct front *front)
{
    const struct proxy_config *config = front->config;
    int error;

    front->base = event_base_new();
    front->tls_bio = tls_stream_bio_new();
    if (!front->base || !front->tls_bio)
        return -ENOMEM;
    deadlines_init(&front->deadlines, front->base);
    error = http2_init(front);
    if (!error)
        error = route_new(front, &front->route);
    if (!error && config->rate)
        error = rate_new(config->rate, &front->rate);
    if (!error && config->max_connections_per_address)
        error = address_table_new(config->max_connections, config->max_connections_per_address,
                                  &front->addresses);
    if (!error)
        error = strangers_new(config, &front->strangers);
    if (!error)
        error = control_start(front);
    if (!error)
        error = start_pulse(front);
    return error;
}

/*
 * What opens files, or asks for a call that is not on the list, happens for the first time here. Then the door closes.
 * Errors: -errno.
 */
static int close_the_door(void)
{
    unsigned char byte;

    tzset(); /* reads the zone's file once; every gmtime_r() would otherwise */
    if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) ||
        RAND_bytes(&byte, 1) != 1)
        return -EIO;
    if (!sandbox_is_built()) {
        log_event(LOG_LEVEL_WARNING, "front.sandbox", "active=no why=\"built with the address sanitizer\"");
        return 0;
    }
    return sandbox_enter();
}

static int64_t now_us(void)
{
    return (int64_t)(front_now_ns() / 1000);
}

static bool has_work(const struct front *front)
{
    return front->is_leaving || !TAILQ_EMPTY(&front->round);
}

/* Waits until a round has brought something that is to be ended. Errors: -EIO. */
static int wait_for_work(struct front *front)
{
    int error = 0;

    busy_poll_begin(&front->busy, now_us());
    while (!error && !has_work(front) && busy_poll_again(&front->busy, now_us()))
        error = event_base_loop(front->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (!error && !has_work(front))
        error = event_base_loop(front->base, EVLOOP_ONCE);
    busy_poll_end(&front->busy, now_us());
    return error ? -EIO : 0;
}

/* Until somebody leaves. Errors: -EIO. */
static int serve(struct front *front)
{
    while (!front->is_leaving) {
        if (wait_for_work(front))
            return -EIO;
        round_end(&front->round);
        pace_note(&front->pace, route_calls(front->route), now_us());
    }
    return 0;
}

int front_main(const struct proxy_config *config, int control, struct metrics_front *metrics,
               struct pulse *pulse)
{
    CLEANUP(front_clear)
    struct front front = {
        .config = config,
        .control = control,
        .metrics = metrics,
        .pulse = pulse,
        .status = EX_OK,
        .busy = { .budget_us = config->busy_poll_us },
    };
    int error;

    signal(SIGPIPE, SIG_IGN);
    round_init(&front.round);
    watches_init(&front);
    shares_init(&front.shares, CALLS_MAX);
    LIST_INIT(&front.listeners);
    LIST_INIT(&front.connections);
    error = front_init(&front);
    if (!error)
        error = close_the_door();
    if (error) {
        log_event(LOG_LEVEL_ERROR, "front.start", "why=\"%s\"", strerror(-error));
        return EX_OSERR;
    }
    if (serve(&front)) {
        log_event(LOG_LEVEL_ERROR, "front.loop", "why=\"the event loop failed\"");
        return EX_OSERR;
    }
    return front.status;
}
