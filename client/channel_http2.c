/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_http2.c - gRPC over HTTP/2 and TLS, in the calling thread: one connection to each endpoint, shared by all.
 *
 * The host may route its OpenSSL keys through PKCS#11, hence through us: OpenSSL therefore sees a private library
 * context while it works for us, and a call from inside a call is refused.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <ares.h>

#include "client/channel.h"
#include "client/clock.h"
#include "client/credentials.h"
#include "client/endpoints.h"
#include "client/grpc.h"
#include "client/wire.h"
#include "proto/traceparent.h"

#define IDLE_MOST_MS         30000 /* longer may be dead without a sign of it, and a new connection costs little */
#define LIFE_MOST_MS         3600000 /* so that load spreads again after a proxy came back */
#define DOUBT_MS             2000    /* one that was idle for longer gets no more time than a new one */
#define ATTEMPTS_MOST        3       /* of one call at one endpoint, each surely the first to be processed */
#define CREDENTIALS_CHECK_MS 5000

/* The connection to one endpoint. Guarded by the channel's lock. */
struct line {
    struct wire *wire; /* NULL: none */
    bool is_dialing;   /* somebody makes one, the others wait for it */
    unsigned dialed;   /* how often somebody was through with that */
    int error;         /* how the last one ended, and its sentence */
    const char *why;
};

struct channel_http2 {
    struct channel base;
    OSSL_LIB_CTX *libctx;
    const struct deployment_config *deployment;
    const struct identity_config *identity;
    char traceparent[TRACEPARENT_LEN + 1]; /* of the process; "": none. Fixed */
    struct endpoints endpoints;
    struct descriptors descriptors;

    pthread_mutex_t lock;
    pthread_cond_t dialed;
    struct line lines[CONFIG_ENDPOINTS_MAX]; /* guarded by lock */
    struct credentials *credentials;         /* guarded by lock */
    int64_t credentials_checked_ms;          /* guarded by lock */
};

/* One call on its way. */
struct carried {
    const struct method *method;
    struct bytes message;
    int64_t deadline_ms;
    struct channel_reply *reply;
    unsigned tried;   /* bits of endpoints */
    bool was_refused; /* by one of them */
};

/* c-ares' process-wide start: the one thing here that cannot hang from the channel. */
static struct {
    pthread_once_t once;
    int status;
} process = { .once = PTHREAD_ONCE_INIT };

/* Set while this thread is inside OpenSSL on our behalf. */
static _Thread_local bool is_inside;

static void start_process(void)
{
    process.status = ares_library_init(ARES_LIB_INIT_ALL);
}

/* What enter() changes and leave() restores. */
struct guest {
    OSSL_LIB_CTX *host_context;
    int cancel_state;
};

/* A thread that the host cancels while it leads would leave the others waiting. */
static bool enter(struct channel_http2 *http2, struct guest *guest)
{
    if (is_inside)
        return false;
    is_inside = true;
    pthread_once(&process.once, start_process);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guest->cancel_state);
    guest->host_context = OSSL_LIB_CTX_set0_default(http2->libctx);
    return true;
}

static void leave(struct guest *guest)
{
    OSSL_LIB_CTX_set0_default(guest->host_context);
    pthread_setcancelstate(guest->cancel_state, NULL);
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

/* ------------------------------------------------------------------------------------------------- credentials */

/* The credentials in force, with a reference; @ret_is_due: it is time to look at their files again. */
static struct credentials *credentials_get(struct channel_http2 *http2, bool *ret_is_due)
{
    struct credentials *credentials;
    int64_t now = clock_now_ms();

    pthread_mutex_lock(&http2->lock);
    *ret_is_due = now - http2->credentials_checked_ms > CREDENTIALS_CHECK_MS;
    if (*ret_is_due)
        http2->credentials_checked_ms = now;
    credentials = credentials_ref(http2->credentials);
    pthread_mutex_unlock(&http2->lock);
    return credentials;
}

/* Files that changed are read anew. With unreadable ones (half of them is written yet) the old go on serving. */
static void renew_credentials(struct channel_http2 *http2, struct credentials **credentials)
{
    CLEANUP(free_string) char *why = NULL;
    struct credentials *fresh = NULL, *former;

    if (!credentials_are_outdated(*credentials, http2->deployment, http2->identity) ||
        credentials_load(http2->libctx, http2->deployment, http2->identity, &fresh, &why) < 0)
        return;
    credentials_unref(*credentials);
    *credentials = credentials_ref(fresh);
    pthread_mutex_lock(&http2->lock);
    former = http2->credentials;
    http2->credentials = fresh;
    pthread_mutex_unlock(&http2->lock);
    credentials_unref(former);
}

static struct credentials *current_credentials(struct channel_http2 *http2)
{
    bool is_due;
    struct credentials *credentials = credentials_get(http2, &is_due);

    if (is_due)
        renew_credentials(http2, &credentials);
    return credentials;
}

/* ------------------------------------------------------------------------------------------------- connections */

/* Takes the wire out of its line, if that is still the one, so that nobody begins a call on it. */
static void retire(struct channel_http2 *http2, size_t index, const struct wire *wire)
{
    struct wire *retired = NULL;

    pthread_mutex_lock(&http2->lock);
    if (http2->lines[index].wire == wire)
        retired = TAKE(http2->lines[index].wire);
    pthread_mutex_unlock(&http2->lock);
    wire_unref(retired);
}

static struct wire *peek_wire(struct channel_http2 *http2, size_t index)
{
    struct wire *wire;

    pthread_mutex_lock(&http2->lock);
    wire = http2->lines[index].wire ? wire_ref(http2->lines[index].wire) : NULL;
    pthread_mutex_unlock(&http2->lock);
    return wire;
}

/* The connection there is, unless nobody should use it again; NULL then. */
static struct wire *usable_wire(struct channel_http2 *http2, size_t index,
                                const struct credentials *credentials)
{
    CLEANUP(wire_unref) struct wire *wire = peek_wire(http2, index);

    if (!wire)
        return NULL;
    if (wire->credentials == credentials && clock_boot_ms() - wire->made_ms < LIFE_MOST_MS &&
        wire_idle_ms(wire) < IDLE_MOST_MS && wire_is_good(wire))
        return TAKE(wire);
    retire(http2, index, wire);
    return NULL;
}

static int make_wire(struct channel_http2 *http2, size_t index, struct credentials *credentials,
                     int64_t deadline_ms, struct wire **ret, const char **why)
{
    const struct endpoint *endpoint = &http2->endpoints.list[index];
    CLEANUP(buffer_clear) struct buffer addresses = { 0 };
    struct wire_target target = { .host = endpoint->host, .port = endpoint->port };
    int r = endpoints_addresses(&http2->endpoints, index, deadline_ms, &addresses, why);

    buffer_append_u8(&addresses, '\0');
    if (r == 0 && addresses.failed)
        r = -ENOMEM;
    if (r < 0)
        return r;
    target.addresses = (const char *)addresses.data;
    return wire_new(credentials, &http2->descriptors, &target, deadline_ms, ret, why);
}

/* Whether the caller is to dial. Else somebody else does it now, and has come to an end when this returns. */
static bool begin_dialing(struct channel_http2 *http2, size_t index, int64_t deadline_ms, int *ret_error,
                          const char **why)
{
    struct line *line = &http2->lines[index];
    bool is_ours;
    unsigned dialed;

    pthread_mutex_lock(&http2->lock);
    is_ours = !line->is_dialing;
    line->is_dialing = true;
    dialed = line->dialed;
    *ret_error = 0;
    while (!is_ours && line->dialed == dialed && *ret_error == 0)
        *ret_error = clock_wait(&http2->dialed, &http2->lock, deadline_ms);
    if (!is_ours && line->dialed != dialed) {
        *ret_error = line->error;
        *why = line->why;
    }
    pthread_mutex_unlock(&http2->lock);
    return is_ours;
}

static void end_dialing(struct channel_http2 *http2, size_t index, struct wire *wire, int error,
                        const char *why)
{
    struct line *line = &http2->lines[index];
    struct wire *former;

    pthread_mutex_lock(&http2->lock);
    former = line->wire;
    if (wire)
        line->wire = wire_ref(wire);
    else
        former = NULL;
    line->is_dialing = false;
    line->dialed++;
    line->error = error;
    line->why = why;
    pthread_cond_broadcast(&http2->dialed);
    pthread_mutex_unlock(&http2->lock);
    wire_unref(former);
}

static int64_t dial_deadline(struct channel_http2 *http2, size_t index, const struct carried *carried)
{
    int64_t now_ms = clock_now_ms();
    int64_t most_ms = now_ms + endpoints_patience_ms(&http2->endpoints, index, carried->tried, now_ms,
                                                     http2->deployment->connect_timeout_ms);

    return most_ms < carried->deadline_ms ? most_ms : carried->deadline_ms;
}

/*
 * A connection to use: the one there is, or a new one, which one of those who need it makes for all.
 * Errors: those of wire_new() and of looking up the name.
 */
static int take_wire(struct channel_http2 *http2, size_t index, const struct carried *carried,
                     struct wire **ret, const char **why)
{
    CLEANUP(credentials_unref) struct credentials *credentials = current_credentials(http2);
    int64_t deadline_ms = dial_deadline(http2, index, carried);
    int r = 0;

    *why = NULL;
    while (r == 0) {
        *ret = usable_wire(http2, index, credentials);
        if (*ret)
            return 0;
        if (begin_dialing(http2, index, deadline_ms, &r, why)) {
            r = make_wire(http2, index, credentials, deadline_ms, ret, why);
            end_dialing(http2, index, r == 0 ? *ret : NULL, r, *why);
            return r;
        }
    }
    return r;
}

/* --------------------------------------------------------------------------------------------------------- a call */

/* What an end of a call means; an answer speaks for itself. */
static const struct {
    enum grpc_status status;
    const char *why;
} ends[WIRE_ENDS] = {
    [WIRE_EXPIRED] = { GRPC_DEADLINE_EXCEEDED, "no answer in time" },
    [WIRE_TOO_LARGE] = { GRPC_RESOURCE_EXHAUSTED, "the answer is larger than it may be" },
    [WIRE_REFUSED] = { GRPC_UNAVAILABLE, "the connection took no more calls" },
    [WIRE_CUT_OFF] = { GRPC_UNAVAILABLE, "the connection ended before the answer" },
    [WIRE_SILENT] = { GRPC_UNAVAILABLE, "the server fell silent" },
};

/* Our call is a child of what the application's environment names. NULL: it names nothing. */
static const char *new_span(const struct channel_http2 *http2, char room[TRACEPARENT_LEN + 1])
{
    char span[SPAN_ID_LEN + 1];
    uint8_t random[SPAN_ID_LEN / 2];

    if (!*http2->traceparent || getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return NULL;
    hex_encode(BYTES_OF_ARRAY(random), span);
    memcpy(room, http2->traceparent, TRACEPARENT_LEN + 1);
    memcpy(room + TRACEPARENT_SPAN_AT, span, SPAN_ID_LEN);
    return room;
}

static enum wire_end send_once(struct channel_http2 *http2, size_t index, struct wire *wire,
                               const struct carried *carried, int64_t deadline_ms)
{
    CLEANUP(grpc_answer_clear) struct grpc_answer answer;
    const char *name = http2->endpoints.list[index].name;
    char traceparent[TRACEPARENT_LEN + 1];
    const struct wire_request request = {
        .authority = name,
        .path = carried->method->path,
        .message = carried->message,
        .deadline_ms = deadline_ms,
        .traceparent = new_span(http2, traceparent),
    };
    enum wire_end end;

    grpc_answer_init(&answer, carried->method->reply_max);
    channel_reply_clear(carried->reply);
    end = wire_call(wire, &request, &answer, &carried->reply->was_sent);
    if (end == WIRE_ANSWERED)
        grpc_answer_finish(&answer, carried->reply);
    else
        reply_failed(carried->reply, ends[end].status, name, ends[end].why);
    return end;
}

/*
 * Firewalls forget idle connections and laptops wake up elsewhere, and no packet says so. One that has been idle must
 * prove itself: it gets the time that making a new one may take, and the call is then made again. What must not be
 * made again gets a new one at once.
 */
static enum wire_end attempt(struct channel_http2 *http2, size_t index, struct wire *wire,
                             const struct carried *carried)
{
    bool is_doubtful = wire_idle_ms(wire) > DOUBT_MS;
    int64_t trial_ms = clock_now_ms() + http2->deployment->connect_timeout_ms;
    bool is_on_trial = is_doubtful && trial_ms < carried->deadline_ms;
    enum wire_end end;

    if (is_doubtful && carried->method->repeat == REPEAT_NEVER) {
        retire(http2, index, wire);
        return WIRE_REFUSED;
    }
    end = send_once(http2, index, wire, carried, is_on_trial ? trial_ms : carried->deadline_ms);
    if (!is_on_trial || end != WIRE_EXPIRED || wire_idle_ms(wire) <= DOUBT_MS)
        return end;
    wire_break(wire);
    return WIRE_SILENT;
}

/* Whether the call may be made again here: it was surely not processed, or that does no harm. */
static bool is_repeatable(const struct carried *carried, enum wire_end end)
{
    return end == WIRE_REFUSED || (end == WIRE_SILENT && carried->method->repeat == REPEAT_SAFE);
}

/* One endpoint. */
static void call_endpoint(struct channel_http2 *http2, size_t index, struct carried *carried)
{
    bool is_over = false;

    for (unsigned i = 0; i < ATTEMPTS_MOST && !is_over && clock_left_ms(carried->deadline_ms); i++) {
        CLEANUP(wire_unref) struct wire *wire = NULL;
        enum wire_end end;
        const char *why;
        int r = take_wire(http2, index, carried, &wire, &why);

        if (r < 0) {
            channel_reply_clear(carried->reply);
            reply_failed(carried->reply, r == -ENOMEM ? GRPC_INTERNAL : GRPC_UNAVAILABLE,
                         http2->endpoints.list[index].name, why ? why : strerror(-r));
            endpoints_report(&http2->endpoints, index, false, clock_now_ms());
            return;
        }
        end = attempt(http2, index, wire, carried);
        is_over = !is_repeatable(carried, end);
        carried->was_refused |= end == WIRE_REFUSED;
        carried->reply->endpoint = index;
        endpoints_report(&http2->endpoints, index, end != WIRE_REFUSED && end != WIRE_SILENT, clock_now_ms());
    }
}

/* In turn, until one of them was reached: what was sent is the caller's to repeat or not. */
static void call_endpoints(struct channel_http2 *http2, struct carried *carried)
{
    while (clock_left_ms(carried->deadline_ms)) {
        size_t index = endpoints_choose(&http2->endpoints, carried->tried, clock_now_ms());

        if (index == http2->endpoints.count)
            return;
        carried->tried |= 1u << index;
        call_endpoint(http2, index, carried);
        if (carried->reply->was_sent || carried->reply->status != GRPC_UNAVAILABLE)
            return;
    }
    if (!carried->tried)
        reply_failed(carried->reply, GRPC_UNAVAILABLE, "", "no time left");
}

static void channel_http2_call(struct channel *channel, const struct method *method, struct bytes request,
                               unsigned deadline_ms, struct channel_reply *ret)
{
    struct channel_http2 *http2 = (struct channel_http2 *)channel;
    struct carried carried = {
        .method = method, .message = request, .deadline_ms = clock_now_ms() + deadline_ms, .reply = ret
    };
    struct guest guest;

    *ret = (struct channel_reply){ .status = GRPC_UNAVAILABLE };
    if (request.len > method->request_max) {
        reply_failed(ret, GRPC_RESOURCE_EXHAUSTED, "", "the request is larger than it may be");
        return;
    }
    if (!enter(http2, &guest)) {
        reply_failed(ret, GRPC_UNAVAILABLE, "",
                     "called from within a call: OpenSSL is routed back into this module");
        return;
    }
    if (process.status != ARES_SUCCESS)
        reply_failed(ret, GRPC_UNAVAILABLE, "", ares_strerror(process.status));
    else
        call_endpoints(http2, &carried);
    ret->was_refused = carried.was_refused && !ret->was_sent;
    leave(&guest);
}

static bool channel_http2_turn_away(struct channel *channel, const struct channel_reply *reply)
{
    struct channel_http2 *http2 = (struct channel_http2 *)channel;

    return endpoints_turn_away(&http2->endpoints, reply->endpoint, clock_now_ms());
}

static void channel_http2_certificate_hash(struct channel *channel, uint8_t ret[HASH_LEN])
{
    CLEANUP(credentials_unref)
    struct credentials *credentials = current_credentials((struct channel_http2 *)channel);

    memcpy(ret, credentials->certificate_hash, HASH_LEN);
}

static void channel_http2_free(struct channel *channel)
{
    struct channel_http2 *http2 = (struct channel_http2 *)channel;
    OSSL_LIB_CTX *host_context = OSSL_LIB_CTX_set0_default(http2->libctx);

    for (size_t i = 0; i < http2->endpoints.count; i++)
        wire_unref(http2->lines[i].wire);
    credentials_unref(http2->credentials);
    OSSL_LIB_CTX_set0_default(host_context);
    endpoints_clear(&http2->endpoints);
    pthread_cond_destroy(&http2->dialed);
    pthread_mutex_destroy(&http2->lock);
    free(http2);
}

/* The connections stay as they are, unreachable: OpenSSL would say goodbye on what is the parent's. */
static void channel_http2_abandon(struct channel *channel)
{
    descriptors_close(&((struct channel_http2 *)channel)->descriptors);
}

static const struct channel_ops channel_http2_ops = {
    .call = channel_http2_call,
    .turn_away = channel_http2_turn_away,
    .certificate_hash = channel_http2_certificate_hash,
    .free = channel_http2_free,
    .abandon = channel_http2_abandon,
};

/* Of this process, and of this moment of it. */
static uint64_t fresh_seed(void)
{
    uint64_t seed = (uint64_t)clock_now_ms();

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed ^= (uint64_t)getpid() << 32;
    return seed;
}

/* As OpenTelemetry hands a trace to a process. A setuid host's environment is somebody else's. */
static void read_trace(struct channel_http2 *http2)
{
    const char *text = secure_getenv("TRACEPARENT");

    if (text)
        (void)traceparent_parse(text, http2->traceparent);
}

int channel_http2_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                      const struct identity_config *identity, struct channel **ret, char **why)
{
    CLEANUP(credentials_unref) struct credentials *credentials = NULL;
    CLEANUP(free) void *memory = calloc(1, sizeof(struct channel_http2));
    struct channel_http2 *http2 = memory;
    int r;

    *why = NULL;
    if (!http2)
        return -ENOMEM;
    r = credentials_load(libctx, deployment, identity, &credentials, why);
    if (r == 0)
        r = clock_condition_init(&http2->dialed);
    if (r < 0)
        return r;
    r = endpoints_init(&http2->endpoints, deployment, fresh_seed());
    if (r < 0) {
        pthread_cond_destroy(&http2->dialed);
        return r;
    }
    pthread_mutex_init(&http2->lock, NULL);
    descriptors_init(&http2->descriptors);
    http2->base.ops = &channel_http2_ops;
    http2->libctx = libctx;
    http2->deployment = deployment;
    http2->identity = identity;
    read_trace(http2);
    http2->credentials = TAKE(credentials);
    http2->credentials_checked_ms = clock_now_ms();
    *ret = &http2->base;
    memory = NULL;
    return 0;
}
