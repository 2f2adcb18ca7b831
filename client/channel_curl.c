/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_curl.c - gRPC over libcurl, in the calling thread, with a pool of connections.
 *
 * Three things a guest must mind. Names: libcurl would start a thread for them, so they are resolved beforehand.
 * OpenSSL: the host may route its keys through PKCS#11, hence through us; libcurl therefore sees a private library
 * context while it works, and a call from inside a call is refused. Start-up: curl_global_init() reads the host's
 * openssl.cnf into the host's own context, as any other use of OpenSSL would (never into ours), and is never undone,
 * since the host may use libcurl too.
 *
 * libcurl sends a request again by itself when a connection it kept turns out dead before a byte came back. A method
 * that is not to be repeated therefore gets a connection of its own.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <ares.h>
#include <curl/curl.h>

#include "client/channel.h"
#include "client/clock.h"
#include "client/credentials.h"
#include "client/endpoints.h"
#include "client/grpc.h"
#include "client/wire.h"
#include "include/table.h"

#define CONNECTIONS_MAX      16    /* few for many threads, which wait for one another when all are in use */
#define POOL_IDLE_MS         30000 /* older ones may be dead without a sign of it, and a new one costs little */
#define DOUBT_MS             2000 /* one that was idle for longer gets no more time than a new one */
#define CREDENTIALS_CHECK_MS 5000

/* A call that waits for a connection. */
struct turn {
    pthread_cond_t came;
    bool has_come;
    struct turn *next;
};

struct channel_curl {
    struct channel base;
    OSSL_LIB_CTX *libctx;
    const struct deployment_config *deployment;
    const struct identity_config *identity;
    struct endpoints endpoints;
    struct descriptors descriptors;

    pthread_mutex_t lock;
    struct wire *idle;               /* guarded by lock: the last used first */
    int64_t distrusted_ms;           /* guarded by lock: what has been idle since before is not used again */
    unsigned in_use;                 /* guarded by lock */
    struct turn *waiting;            /* guarded by lock: while all are in use, the longest first */
    struct credentials *credentials; /* guarded by lock */
    int64_t credentials_checked_ms;  /* guarded by lock */
};

/* One call on its way. */
struct curl_call {
    const struct method *method;
    struct bytes frame; /* prefix and message */
    int64_t deadline_ms;
    struct channel_reply *reply;
};

/* libcurl's and c-ares' process-wide start: the one thing here that cannot hang from the channel. */
static struct {
    pthread_once_t once;
    CURLcode code;
} process = { .once = PTHREAD_ONCE_INIT };

/* Set while this thread is inside libcurl or OpenSSL on our behalf. */
static _Thread_local bool is_inside;

static void start_process(void)
{
    process.code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (process.code == CURLE_OK && ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        process.code = CURLE_FAILED_INIT;
}

/* What enter() changes and leave() restores. */
struct guest {
    OSSL_LIB_CTX *host_context;
};

static bool enter(struct channel_curl *curl, struct guest *guest)
{
    if (is_inside)
        return false;
    is_inside = true;
    pthread_once(&process.once, start_process);
    guest->host_context = OSSL_LIB_CTX_set0_default(curl->libctx);
    return true;
}

static void leave(struct guest *guest)
{
    OSSL_LIB_CTX_set0_default(guest->host_context);
    is_inside = false;
}

static void reply_failed(struct channel_reply *reply, enum grpc_status status, const char *endpoint,
                         const char *why)
{
    reply->status = status;
    /* Words for people: cut where there is no room. */
    if (snprintf(reply->detail, sizeof(reply->detail), "%s%s%s", endpoint, *endpoint ? ": " : "", why) < 0)
        reply->detail[0] = '\0';
}

/* -------------------------------------------------------------------------------------------------------- the pool */

/* The credentials in force, with a reference; @ret_is_due: it is time to look at their files again. */
static struct credentials *credentials_get(struct channel_curl *curl, bool *ret_is_due)
{
    struct credentials *credentials;
    int64_t now = clock_now_ms();

    pthread_mutex_lock(&curl->lock);
    *ret_is_due = now - curl->credentials_checked_ms > CREDENTIALS_CHECK_MS;
    if (*ret_is_due)
        curl->credentials_checked_ms = now;
    credentials = credentials_ref(curl->credentials);
    pthread_mutex_unlock(&curl->lock);
    return credentials;
}

/* Files that changed are read anew. With unreadable ones (half of them is written yet) the old go on serving. */
static void renew_credentials(struct channel_curl *curl, struct credentials **credentials)
{
    CLEANUP(free_string) char *why = NULL;
    struct credentials *fresh = NULL, *former;

    if (!credentials_are_outdated(*credentials, curl->deployment, curl->identity) ||
        credentials_load(curl->libctx, curl->deployment, curl->identity, &fresh, &why) < 0)
        return;
    credentials_unref(*credentials);
    *credentials = credentials_ref(fresh);
    pthread_mutex_lock(&curl->lock);
    former = curl->credentials;
    curl->credentials = fresh;
    pthread_mutex_unlock(&curl->lock);
    credentials_unref(former);
}

static struct credentials *current_credentials(struct channel_curl *curl)
{
    bool is_due;
    struct credentials *credentials = credentials_get(curl, &is_due);

    if (is_due)
        renew_credentials(curl, &credentials);
    return credentials;
}

static void free_wires(struct wire *list)
{
    while (list) {
        struct wire *next = list->next;

        wire_free(list);
        list = next;
    }
}

/* Takes those out of the idle list that nobody should use again. Under lock. */
static struct wire *detach_stale(struct channel_curl *curl, const struct credentials *credentials)
{
    struct wire **link = &curl->idle, *stale = NULL;
    int64_t oldest_ms = clock_boot_ms() - POOL_IDLE_MS;

    if (oldest_ms < curl->distrusted_ms)
        oldest_ms = curl->distrusted_ms;

    while (*link) {
        struct wire *connection = *link;

        if (connection->credentials == credentials && connection->idle_since_ms > oldest_ms) {
            link = &connection->next;
            continue;
        }
        *link = connection->next;
        connection->next = stale;
        stale = connection;
    }
    return stale;
}

/* Under lock. */
static struct wire *detach_idle(struct channel_curl *curl, size_t endpoint)
{
    for (struct wire **link = &curl->idle; *link; link = &(*link)->next)
        if ((*link)->endpoint == endpoint) {
            struct wire *connection = *link;

            *link = connection->next;
            connection->next = NULL;
            return connection;
        }
    return NULL;
}

/* Under lock: waits for somebody's place, in the order of arrival. Errors: -ETIMEDOUT. */
static int wait_for_turn(struct channel_curl *curl, int64_t deadline_ms)
{
    struct turn turn = { .has_come = false }, **link = &curl->waiting;
    int r = clock_condition_init(&turn.came);

    if (r < 0)
        return r;
    while (*link)
        link = &(*link)->next;
    *link = &turn;
    while (!turn.has_come && r == 0)
        r = clock_wait(&turn.came, &curl->lock, deadline_ms);
    pthread_cond_destroy(&turn.came);
    if (turn.has_come)
        return 0;
    for (link = &curl->waiting; *link != &turn;)
        link = &(*link)->next;
    *link = turn.next;
    return r;
}

/* Under lock: a place is free. Who has waited longest gets it, or a busy thread would take it again and again. */
static void pass_on_turn(struct channel_curl *curl)
{
    struct turn *turn = curl->waiting;

    if (!turn) {
        curl->in_use--;
        return;
    }
    curl->waiting = turn->next;
    turn->has_come = true;
    pthread_cond_signal(&turn->came);
}

/* Errors: -ETIMEDOUT (all are in use), those of wire_new(). */
static int take_connection(struct channel_curl *curl, size_t endpoint, int64_t deadline_ms, struct wire **ret)
{
    CLEANUP(credentials_unref) struct credentials *credentials = current_credentials(curl);
    struct wire *stale, *connection;
    int r = 0;

    pthread_mutex_lock(&curl->lock);
    if (curl->in_use < CONNECTIONS_MAX)
        curl->in_use++;
    else
        r = wait_for_turn(curl, deadline_ms);
    stale = detach_stale(curl, credentials);
    connection = r == 0 ? detach_idle(curl, endpoint) : NULL;
    pthread_mutex_unlock(&curl->lock);
    free_wires(stale);
    if (r < 0)
        return r;
    if (connection) {
        *ret = connection;
        return 0;
    }
    r = wire_new(credentials, &curl->descriptors, endpoint, ret);
    if (r < 0) {
        pthread_mutex_lock(&curl->lock);
        pass_on_turn(curl);
        pthread_mutex_unlock(&curl->lock);
    }
    return r;
}

static void return_connection(struct channel_curl *curl, struct wire *connection, bool is_healthy)
{
    if (!is_healthy)
        wire_free(connection);
    pthread_mutex_lock(&curl->lock);
    if (is_healthy) {
        connection->idle_since_ms = clock_boot_ms();
        connection->next = curl->idle;
        curl->idle = connection;
    }
    pass_on_turn(curl);
    pthread_mutex_unlock(&curl->lock);
}

/* A connection went silent while it was idle: whatever swallowed it has swallowed its neighbours, too. */
static void distrust_idle(struct channel_curl *curl)
{
    pthread_mutex_lock(&curl->lock);
    curl->distrusted_ms = clock_boot_ms() - DOUBT_MS;
    pthread_mutex_unlock(&curl->lock);
}

/* --------------------------------------------------------------------------------------------------------- a call */

static size_t on_header(char *data, size_t size, size_t count, void *cookie)
{
    grpc_answer_header(cookie, BYTES(data, size * count));
    return size * count;
}

/* Less than it was given tells libcurl to stop: the answer is larger than the method's may be. */
static size_t on_body(char *data, size_t size, size_t count, void *cookie)
{
    struct grpc_answer *answer = cookie;

    buffer_append(&answer->body, BYTES(data, size * count));
    return answer->body.failed ? 0 : size * count;
}

static struct curl_slist *make_headers(unsigned left_ms)
{
    static const char *const fixed[] = { "Content-Type: application/grpc", "TE: trailers",
                                         "Accept:", "Expect:" };
    char timeout[40];
    struct curl_slist *list;

    snprintf(timeout, sizeof(timeout), "grpc-timeout: %um", left_ms);
    list = curl_slist_append(NULL, timeout);
    for (size_t i = 0; list && i < ARRAY_SIZE(fixed); i++) {
        struct curl_slist *longer = curl_slist_append(list, fixed[i]);

        if (!longer)
            curl_slist_free_all(list);
        list = longer;
    }
    return list;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static CURLcode perform(struct channel_curl *curl, struct wire *connection, const struct curl_call *call,
                        unsigned most_ms, struct grpc_answer *answer)
{
    unsigned rest = least(clock_left_ms(call->deadline_ms), most_ms),
             left = rest ? rest : 1; /* to libcurl 0 means for ever */
    unsigned connect =
        endpoints_patience_ms(&curl->endpoints, connection->endpoint, curl->deployment->connect_timeout_ms);
    struct curl_slist *headers = make_headers(left);
    CURL *easy = connection->easy;
    CURLcode code = headers ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    char url[512];

    snprintf(url, sizeof(url), "https://%s%s", curl->endpoints.list[connection->endpoint].name,
             call->method->path);
    connection->error[0] = '\0';
    WIRE_SET(easy, code, CURLOPT_URL, url);
    WIRE_SET(easy, code, CURLOPT_HTTPHEADER, headers);
    WIRE_SET(easy, code, CURLOPT_POSTFIELDSIZE, (long)call->frame.len);
    WIRE_SET(easy, code, CURLOPT_POSTFIELDS, call->frame.data);
    WIRE_SET(easy, code, CURLOPT_TIMEOUT_MS, (long)left);
    WIRE_SET(easy, code, CURLOPT_CONNECTTIMEOUT_MS, (long)least(connect, left));
    WIRE_SET(easy, code, CURLOPT_FRESH_CONNECT, call->method->repeat == REPEAT_NEVER ? 1L : 0L);
    WIRE_SET(easy, code, CURLOPT_HEADERFUNCTION, on_header);
    WIRE_SET(easy, code, CURLOPT_HEADERDATA, answer);
    WIRE_SET(easy, code, CURLOPT_WRITEFUNCTION, on_body);
    WIRE_SET(easy, code, CURLOPT_WRITEDATA, answer);
    if (code == CURLE_OK)
        code = curl_easy_perform(easy);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL); /* lent until here */
    curl_slist_free_all(headers);
    return code;
}

/* Whether libcurl came as far as the request. */
static bool request_began(CURL *easy)
{
    curl_off_t before_transfer_us = 0;

    return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &before_transfer_us) == CURLE_OK &&
           before_transfer_us > 0;
}

static void judge(struct wire *connection, CURLcode code, const struct grpc_answer *answer,
                  const char *endpoint, struct channel_reply *reply)
{
    const char *why = connection->error[0] ? connection->error : curl_easy_strerror(code);
    long http_status = 0, http_version = 0;

    reply->was_sent = request_began(connection->easy);
    curl_easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(connection->easy, CURLINFO_HTTP_VERSION, &http_version);
    if (code == CURLE_OK && http_version != CURL_HTTP_VERSION_2_0)
        reply_failed(reply, GRPC_UNAVAILABLE, endpoint, "the server does not speak HTTP/2");
    else if (code == CURLE_OK)
        grpc_answer_finish(answer, http_status, reply);
    else if (code == CURLE_WRITE_ERROR)
        reply_failed(reply, GRPC_RESOURCE_EXHAUSTED, endpoint, "the answer is larger than it may be");
    else if (code == CURLE_OPERATION_TIMEDOUT && reply->was_sent)
        reply_failed(reply, GRPC_DEADLINE_EXCEEDED, endpoint, why);
    else
        reply_failed(reply, GRPC_UNAVAILABLE, endpoint, why);
}

/*
 * Firewalls forget idle connections and laptops wake up elsewhere, and no packet says so. One that has been idle must
 * prove itself: it gets the time that making a new one may take, and the call is then made again.
 */
static bool is_doubtful(const struct wire *connection, const struct curl_call *call)
{
    return connection->idle_since_ms && clock_boot_ms() - connection->idle_since_ms > DOUBT_MS &&
           call->method->repeat == REPEAT_SAFE;
}

/* One attempt. @ret_went_silent: the connection was doubtful and rightly so, and there is time for another. */
static int attempt(struct channel_curl *curl, size_t index, const char *addresses,
                   const struct curl_call *call, bool *ret_went_silent)
{
    CLEANUP(grpc_answer_clear) struct grpc_answer answer;
    struct wire *connection;
    bool is_on_trial;
    CURLcode code;
    int r = take_connection(curl, index, call->deadline_ms, &connection);

    grpc_answer_init(&answer, call->method->reply_max);
    if (r < 0)
        return r;
    r = wire_set_addresses(connection, addresses);
    if (r < 0) {
        return_connection(curl, connection, false);
        return r;
    }
    is_on_trial = is_doubtful(connection, call);
    code = perform(curl, connection, call, is_on_trial ? curl->deployment->connect_timeout_ms : UINT_MAX,
                   &answer);
    judge(connection, code, &answer, curl->endpoints.list[index].name, call->reply);
    endpoints_report(&curl->endpoints, index, code == CURLE_OK || call->reply->was_sent, clock_now_ms());
    return_connection(curl, connection, code == CURLE_OK);
    *ret_went_silent = is_on_trial && code != CURLE_OK && code != CURLE_WRITE_ERROR &&
                       call->reply->was_sent && clock_left_ms(call->deadline_ms);
    return 0;
}

/* One endpoint. */
static void call_endpoint(struct channel_curl *curl, size_t index, const struct curl_call *call)
{
    const char *name = curl->endpoints.list[index].name, *why = "no address";
    CLEANUP(buffer_clear) struct buffer addresses = { 0 };
    int64_t connect_ms = clock_now_ms() + curl->deployment->connect_timeout_ms;
    bool went_silent = false;
    int r;

    r = endpoints_addresses(&curl->endpoints, index,
                            connect_ms < call->deadline_ms ? connect_ms : call->deadline_ms, &addresses,
                            &why);
    buffer_append_u8(&addresses, '\0');
    if (r == 0 && addresses.failed)
        r = -ENOMEM;
    if (r < 0) {
        endpoints_report(&curl->endpoints, index, false, clock_now_ms());
        reply_failed(call->reply, GRPC_UNAVAILABLE, name, why);
        return;
    }
    r = attempt(curl, index, (const char *)addresses.data, call, &went_silent);
    if (r == 0 && went_silent) {
        distrust_idle(curl);
        channel_reply_clear(call->reply);
        r = attempt(curl, index, (const char *)addresses.data, call, &went_silent);
    }
    if (r < 0)
        reply_failed(call->reply, r == -ETIMEDOUT ? GRPC_DEADLINE_EXCEEDED : GRPC_INTERNAL, name,
                     strerror(-r));
}

/* In turn, until one of them was reached: what was sent is the caller's to repeat or not. */
static void call_endpoints(struct channel_curl *curl, const struct curl_call *call)
{
    unsigned tried = 0;

    while (clock_left_ms(call->deadline_ms)) {
        size_t index = endpoints_choose(&curl->endpoints, tried, clock_now_ms());

        if (index == curl->endpoints.count)
            return;
        tried |= 1u << index;
        channel_reply_clear(call->reply);
        call_endpoint(curl, index, call);
        if (call->reply->was_sent || call->reply->status != GRPC_UNAVAILABLE)
            return;
    }
}

static void channel_curl_call(struct channel *channel, const struct method *method, struct bytes request,
                              unsigned deadline_ms, struct channel_reply *ret)
{
    struct channel_curl *curl = (struct channel_curl *)channel;
    CLEANUP(buffer_clear) struct buffer frame = { 0 };
    struct curl_call call = { .method = method, .deadline_ms = clock_now_ms() + deadline_ms, .reply = ret };
    struct guest guest;

    *ret = (struct channel_reply){ 0 };
    reply_failed(ret, GRPC_UNAVAILABLE, "", "no time left");
    if (request.len > method->request_max) {
        reply_failed(ret, GRPC_RESOURCE_EXHAUSTED, "", "the request is larger than it may be");
        return;
    }
    grpc_frame(request, &frame);
    if (frame.failed) {
        reply_failed(ret, GRPC_INTERNAL, "", "out of memory");
        return;
    }
    call.frame = buffer_bytes(&frame);
    if (!enter(curl, &guest)) {
        reply_failed(ret, GRPC_UNAVAILABLE, "",
                     "called from within a call: OpenSSL is routed back into this module");
        return;
    }
    if (process.code == CURLE_OK)
        call_endpoints(curl, &call);
    else
        reply_failed(ret, GRPC_UNAVAILABLE, "", curl_easy_strerror(process.code));
    leave(&guest);
}

static void channel_curl_certificate_hash(struct channel *channel, uint8_t ret[HASH_LEN])
{
    CLEANUP(credentials_unref)
    struct credentials *credentials = current_credentials((struct channel_curl *)channel);

    memcpy(ret, credentials->certificate_hash, HASH_LEN);
}

static void channel_curl_free(struct channel *channel)
{
    struct channel_curl *curl = (struct channel_curl *)channel;
    OSSL_LIB_CTX *host_context = OSSL_LIB_CTX_set0_default(curl->libctx);

    free_wires(curl->idle);
    OSSL_LIB_CTX_set0_default(host_context);
    endpoints_clear(&curl->endpoints);
    credentials_unref(curl->credentials);
    pthread_mutex_destroy(&curl->lock);
    free(curl);
}

/* The handles stay as they are, unreachable: libcurl would say goodbye on connections that are the parent's. */
static void channel_curl_abandon(struct channel *channel)
{
    descriptors_close(&((struct channel_curl *)channel)->descriptors);
}

static const struct channel_ops channel_curl_ops = {
    .call = channel_curl_call,
    .certificate_hash = channel_curl_certificate_hash,
    .free = channel_curl_free,
    .abandon = channel_curl_abandon,
};

int channel_curl_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                     const struct identity_config *identity, struct channel **ret, char **why)
{
    CLEANUP(credentials_unref) struct credentials *credentials = NULL;
    CLEANUP(free) void *memory = calloc(1, sizeof(struct channel_curl));
    struct channel_curl *curl = memory;
    int r;

    *why = NULL;
    if (!curl)
        return -ENOMEM;
    r = credentials_load(libctx, deployment, identity, &credentials, why);
    if (r == 0)
        r = endpoints_init(&curl->endpoints, deployment);
    if (r < 0)
        return r;
    pthread_mutex_init(&curl->lock, NULL);
    descriptors_init(&curl->descriptors);
    curl->base.ops = &channel_curl_ops;
    curl->libctx = libctx;
    curl->deployment = deployment;
    curl->identity = identity;
    curl->credentials = TAKE(credentials);
    curl->credentials_checked_ms = clock_now_ms();
    *ret = &curl->base;
    memory = NULL;
    return 0;
}
