/* SPDX-License-Identifier: Apache-2.0 */
/* public_http.c - a request is read, put to a signer, and answered; then the connection is closed. */
#include "proxy/front/public_http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/rate.h"
#include "include/table.h"
#include "proto/pack.h"
#include "proto/privyseal.pb-c.h"
#include "proxy/front/http_request.h"
#include "proxy/front/route.h"

#define LIFE_MS       10000 /* of a connection, from the first byte to the last */
#define HEAD_MAX      8192  /* request line and headers */
#define LOGS_A_MINUTE 60

struct public_http {
    struct front *front;
    struct evconnlistener *accepting;
    LIST_HEAD(, client) clients;
    unsigned client_count;
    uint64_t bucket_ns; /* of all requests together */
};

struct client {
    struct public_http *http;
    LIST_ENTRY(client) entry;
    struct bufferevent *bev;
    struct event timer;
    struct call *call; /* at a signer */
    size_t head_len;
    struct http_request request;
};

static void client_free(struct client *client)
{
    if (client->call)
        route_cancel(client->call);
    evtimer_del(&client->timer);
    bufferevent_free(client->bev);
    LIST_REMOVE(client, entry);
    client->http->client_count--;
    free(client);
}

/* ---------------------------------------------------------------------------------------------------- answers */

static void on_sent(struct bufferevent *bev, void *context)
{
    if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        client_free(context);
}

static void on_event(struct bufferevent *bev, short what, void *context)
{
    (void)bev;
    (void)what;
    client_free(context);
}

/* The last thing that is done with a client but waiting until it has it. @max_age: seconds; 0: not to be kept. */
static void answer(struct client *client, const char *status, const char *type, struct bytes body,
                   uint64_t max_age)
{
    struct evbuffer *output = bufferevent_get_output(client->bev);

    evbuffer_add_printf(output,
                        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Cache-Control: %s%llu\r\nConnection: close\r\n\r\n",
                        status, type, body.len,
                        max_age ? "public, max-age=" : "no-store, max-age=", (unsigned long long)max_age);
    evbuffer_add(output, body.data, body.len);
    bufferevent_disable(client->bev, EV_READ);
    bufferevent_setcb(client->bev, NULL, on_sent, on_event, client);
}

static void refuse(struct client *client, const char *status)
{
    answer(client, status, "text/plain", bytes_of_text(status), 0);
}

static void on_answer(void *owner, const struct answer *reply)
{
    struct client *client = owner;
    Privyseal__V1__AskAuthorityResponse *response = NULL;
    uint64_t now = (uint64_t)time(NULL);

    client->call = NULL;
    if (reply->reason == REASON_NONE && reply->grpc_status == GRPC_OK)
        response = privyseal__v1__ask_authority_response__unpack(NULL, reply->body.len, reply->body.data);
    if (response)
        answer(client, "200 OK", client->request.resource->type, pack_lend(&response->der),
               response->until_unix > now ? response->until_unix - now : 0);
    else if (reply->reason == REASON_NONE && reply->grpc_status == GRPC_FAILED_PRECONDITION)
        refuse(client, "404 Not Found"); /* no such authority here */
    else
        refuse(client, "503 Service Unavailable");
    if (response)
        privyseal__v1__ask_authority_response__free_unpacked(response, NULL);
}

/* --------------------------------------------------------------------------------------------------- questions */

static bool may_ask(struct public_http *http)
{
    uint64_t token_ns = 1000000000 / http->front->config->ca_rate;

    return rate_bucket_take(&http->bucket_ns, token_ns, RATE_BURST_S * 1000000000ULL, front_now_ns());
}

static int submit(struct client *client, struct buffer *body)
{
    static const uint8_t nobody[HASH_LEN]; /* no certificate has this hash */
    struct front *front = client->http->front;
    char request_id[REQUEST_ID_LEN + 1];
    const struct method *method = method_by_id(METHOD_AskAuthority);
    const struct request request = {
        .method = method,
        .body = body,
        .certificate_hash = nobody,
        .peer = "http",
        .request_id = request_id,
        .traceparent = "",
        .deadline_ms = front_now_ms() + method->deadline_ms,
    };

    if (request_id_make(&front->request_ids, request_id))
        return -EIO;
    return route_submit(front->route, &request, on_answer, client, &client->call);
}

static void ask(struct client *client, struct bytes ocsp_request)
{
    Privyseal__V1__AskAuthorityRequest question = PRIVYSEAL__V1__ASK_AUTHORITY_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer body = { 0 };

    if (!may_ask(client->http)) {
        refuse(client, "503 Service Unavailable");
        return;
    }
    question.question = client->request.resource->question;
    question.authority = client->request.resource->authority;
    question.ocsp_request = pack_borrow(ocsp_request);
    bufferevent_disable(client->bev, EV_READ);
    if (pack_append(&question.base, &body) < 0 || submit(client, &body) < 0)
        refuse(client, "503 Service Unavailable");
}

static void ask_in_path(struct client *client)
{
    uint8_t der[HTTP_DER_MAX];
    size_t len;

    if (http_request_path_der(&client->request, der, &len) < 0)
        refuse(client, "400 Bad Request");
    else
        ask(client, BYTES(der, len));
}

/* ----------------------------------------------------------------------------------------------------- reading */

/* Line by line; false: it was refused. */
static bool read_head(struct client *client, struct evbuffer *input)
{
    const char *refusal = NULL;
    char *line;
    size_t len;

    while (!refusal && !client->request.is_headed &&
           (line = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF)) != NULL) {
        client->head_len += len;
        refusal = strlen(line) != len ? "400 Bad Request" : http_request_line(&client->request, line);
        free(line);
    }
    if (!refusal && !client->request.is_headed && client->head_len + evbuffer_get_length(input) > HEAD_MAX)
        refusal = "431 Request Header Fields Too Large";
    if (refusal)
        refuse(client, refusal);
    return !refusal;
}

static void on_readable(struct bufferevent *bev, void *context)
{
    struct evbuffer *input = bufferevent_get_input(bev);
    struct client *client = context;
    uint8_t body[HTTP_OCSP_MAX];

    if (!read_head(client, input) || !client->request.is_headed)
        return;
    if (!client->request.is_post) {
        if (client->request.resource->question == PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_OCSP)
            ask_in_path(client);
        else
            ask(client, BYTES_NONE);
    } else if (evbuffer_get_length(input) >= client->request.body_len) {
        evbuffer_remove(input, body, client->request.body_len);
        ask(client, BYTES(body, client->request.body_len));
    }
}

/* ----------------------------------------------------------------------------------------------------- clients */

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    client_free(context);
}

static int client_new(struct public_http *http, int socket)
{
    CLEANUP(descriptor_close) int owned = socket;
    struct timeval life = front_timeval(LIFE_MS);
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return -ENOMEM;
    evutil_make_socket_nonblocking(socket);
    client->bev = bufferevent_socket_new(http->front->base, socket, BEV_OPT_CLOSE_ON_FREE);
    if (!client->bev) {
        free(client);
        return -ENOMEM;
    }
    owned = -1;
    client->http = http;
    LIST_INSERT_HEAD(&http->clients, client, entry);
    http->client_count++;
    evtimer_assign(&client->timer, http->front->base, on_timer, client);
    evtimer_add(&client->timer, &life);
    bufferevent_setcb(client->bev, on_readable, NULL, on_event, client);
    bufferevent_setwatermark(client->bev, EV_READ, 0, HEAD_MAX);
    bufferevent_enable(client->bev, EV_READ | EV_WRITE);
    return 0;
}

static void on_accept(struct evconnlistener *accepting, evutil_socket_t socket, struct sockaddr *peer,
                      int len, void *context)
{
    struct public_http *http = context;
    int error = -EUSERS;

    (void)accepting;
    (void)peer;
    (void)len;
    if (http->client_count >= PUBLIC_HTTP_CONNECTIONS)
        descriptor_close(socket);
    else
        error = client_new(http, socket);
    if (error)
        log_event_limited(LOG_LEVEL_WARNING, LOGS_A_MINUTE, "front.http_full", "connections=%u why=\"%s\"",
                          http->client_count, strerror(-error));
}

int public_http_new(struct front *front, int socket, struct public_http **ret)
{
    CLEANUP(descriptor_close) int owned = socket;
    struct public_http *http = calloc(1, sizeof(*http));

    if (!http)
        return -ENOMEM;
    evutil_make_socket_nonblocking(socket);
    http->front = front;
    LIST_INIT(&http->clients);
    http->accepting = evconnlistener_new(front->base, on_accept, http,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, socket);
    if (!http->accepting) {
        free(http);
        return -ENOMEM;
    }
    owned = -1;
    *ret = http;
    return 0;
}

void public_http_free(struct public_http *http)
{
    struct client *client;

    if (!http)
        return;
    evconnlistener_free(http->accepting);
    while ((client = LIST_FIRST(&http->clients)))
        client_free(client);
    free(http);
}
