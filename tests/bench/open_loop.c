/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_loop.c - clients that do not wait for each other: open_loop CONFIG PIN-FILE CONNECTIONS RATE SECONDS DEADLINE_MS
 *
 * RATE signatures a second are asked for, at moments that were drawn beforehand (a Poisson process), over so many
 * connections of the first token's user, under one login, with its first key. Each is asked for once, whatever the
 * answer. Latency counts from the moment that was drawn, so a generator that falls behind shows it ("late": not sent
 * any more, its deadline was over).
 * One line of NAME=VALUE comes out; cpu_ms is this process's own.
 */
#include <pthread.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client/channel.h"
#include "client/clock.h"
#include "client/remote_token_state.h"
#include "proto/pack.h"

#define WORKERS         384 /* calls under way at once: what is admitted waits no longer than its deadline */
#define CONNECTORS      4
#define CONNECT_MS      30000
#define CONNECTIONS_MAX 512
#define PIN_MAX         64

enum outcome { SERVED, REFUSED, EXPIRED, FAILED, LATE, OUTCOMES };
static const char *const outcome_words[OUTCOMES] = { "served", "refused", "expired", "failed", "late" };

struct load {
    struct channel *channels[CONNECTIONS_MAX];
    size_t connections;
    double rate, seconds;
    unsigned deadline_ms;
    struct remote *remote;
    struct remote_token *token;
    struct lease *lease;
    struct buffer request; /* to be signed under the lease */
    double *arrival_ms;    /* from the start */
    size_t arrivals;
    double start_ms;
    atomic_size_t next;
    atomic_size_t outcomes[OUTCOMES];
    float *served_ms; /* latencies of what was served */
    char failure[320];
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "open_loop: %s: %s\n", what, why ? why : "failed");
    exit(EXIT_FAILURE);
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void sleep_until(double ms)
{
    struct timespec until = { .tv_sec = (time_t)(ms / 1e3) };

    until.tv_nsec = (long)((ms - (double)until.tv_sec * 1e3) * 1e6);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
        ;
}

/* ---------------------------------------------------------------------------------------------------- the start */

static void read_pin(const char *path, char pin[PIN_MAX])
{
    FILE *file = fopen(path, "re");

    if (!file || !fgets(pin, PIN_MAX, file))
        die(path, "no PIN in it");
    pin[strcspn(pin, "\n")] = '\0';
    fclose(file);
}

static void open_channels(struct load *load, const struct client_config *config)
{
    char *why = NULL;

    for (size_t i = 0; i <= load->connections; i++) { /* the last is for the login */
        if (channel_http2_new(NULL, config->deployment, config->identity, &load->channels[i], &why))
            die("connection", why);
    }
}

static void log_in(struct load *load, const struct client_config *config, const char *pin)
{
    struct remote_error error = { 0 };
    struct login *login = NULL;
    const char *name = config->token->token ? config->token->token : config->token->name;

    if (remote_new(NULL, config->deployment, load->channels[load->connections], &load->remote) ||
        remote_token_new(load->remote, name, &load->token))
        die("token", NULL);
    if (remote_token_login(load->token, BYTES(pin, strlen(pin)), &error) != CKR_OK ||
        remote_token_login_get(load->token, &login, &error) != CKR_OK ||
        remote_token_lease_get(load->token, login, false, NULL, clock_now_ms() + 30000, &load->lease,
                               &error) != CKR_OK)
        die("login", error.detail);
    login_unref(login);
}

static void make_request(struct load *load)
{
    static const uint8_t digest[HASH_LEN] = { 1, 2, 3 };
    Privyseal__V1__SignRequest sign = PRIVYSEAL__V1__SIGN_REQUEST__INIT;
    struct remote_error error = { 0 };
    struct remote_snapshot *snapshot;

    if (remote_token_snapshot(load->token, 60000, &snapshot, &error) != CKR_OK ||
        snapshot->content->n_key == 0)
        die("key", error.detail);
    sign.key = snapshot->content->key[0]->name;
    sign.mechanism = snapshot->content->key[0]->key_type == CKK_EC ? CKM_ECDSA : CKM_RSA_PKCS;
    sign.data = pack_borrow(BYTES_OF_ARRAY(digest));
    if (pack_append(&sign.base, &load->request))
        die("request", NULL);
    remote_snapshot_unref(snapshot);
}

/* Gaps between arrivals nobody arranged are exponential. */
static void draw_arrivals(struct load *load)
{
    size_t most = (size_t)(load->rate * load->seconds * 2) + 100;
    double ms = 0;

    load->arrival_ms = calloc(most, sizeof(double));
    load->served_ms = calloc(most, sizeof(float));
    if (!load->arrival_ms || !load->served_ms)
        die("arrivals", "no memory");
    srand48(1);
    while (load->arrivals < most && (ms -= log(1 - drand48()) * 1e3 / load->rate) < load->seconds * 1e3)
        load->arrival_ms[load->arrivals++] = ms;
}

/* ---------------------------------------------------------------------------------------------------- the load */

static enum outcome judge(struct load *load, const struct method *method, uint64_t sequence,
                          const struct channel_reply *reply)
{
    CLEANUP(secret_free) struct secret *opened = NULL;
    struct failure failure = { 0 };

    if (reply->status == GRPC_OK && session_open_reply(NULL, &load->lease->keys, method, sequence,
                                                       buffer_bytes(&reply->body), &opened) == 0)
        return SERVED;
    if (reply->failure.len &&
        failure_decode(NULL, buffer_bytes(&reply->failure), method, BYTES_NONE, BYTES_NONE, &failure) == 0 &&
        failure.reason == REASON_BUSY)
        return REFUSED;
    if (reply->status == GRPC_DEADLINE_EXCEEDED)
        return EXPIRED;
    snprintf(load->failure, sizeof(load->failure), "%s %s", reason_row(failure.reason)->word, reply->detail);
    return FAILED;
}

static void ask(struct load *load, size_t index, double due_ms)
{
    const struct method *method = method_by_id(METHOD_Sign);
    CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    struct channel *channel = load->channels[index % load->connections];
    double left_ms = due_ms + load->deadline_ms - now_ms();
    uint64_t sequence = lease_next_sequence(load->lease);
    enum outcome outcome;
    double took_ms;

    if (left_ms < 1) {
        atomic_fetch_add(&load->outcomes[LATE], 1);
        return;
    }
    if (session_request(NULL, &load->lease->keys, method, sequence, buffer_bytes(&load->request), &message))
        die("request", NULL);
    channel->ops->call(channel, method, buffer_bytes(&message), (unsigned)left_ms, &reply);
    outcome = judge(load, method, sequence, &reply);
    took_ms = now_ms() - due_ms;
    if (outcome == SERVED && took_ms > load->deadline_ms)
        outcome = EXPIRED; /* an answer that comes too late is none */
    if (outcome == SERVED)
        load->served_ms[index] = (float)took_ms;
    atomic_fetch_add(&load->outcomes[outcome], 1);
}

/* Before the clock runs, every connection is made: what is measured is calls, not handshakes. */
static void *connect_all(void *cookie)
{
    struct load *load = cookie;
    const struct method *method = method_by_id(METHOD_ListTokens);
    size_t index;

    while ((index = atomic_fetch_add(&load->next, 1)) < load->connections) {
        struct channel *channel = load->channels[index];
        CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };

        channel->ops->call(channel, method, BYTES_NONE, CONNECT_MS, &reply);
        if (reply.status != GRPC_OK)
            die("connection", reply.detail);
    }
    return NULL;
}

static void *work(void *cookie)
{
    struct load *load = cookie;
    size_t index;

    while ((index = atomic_fetch_add(&load->next, 1)) < load->arrivals) {
        double due_ms = load->start_ms + load->arrival_ms[index];

        sleep_until(due_ms);
        ask(load, index, due_ms);
    }
    return NULL;
}

static void run(struct load *load, void *(*what)(void *cookie), size_t workers)
{
    pthread_t threads[WORKERS];

    atomic_store(&load->next, 0);
    for (size_t i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, what, load))
            die("thread", NULL);
    for (size_t i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
}

/* --------------------------------------------------------------------------------------------------- the figures */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The rate counts until the last answer came: what a queue held at the end was served, too, but in its own time. */
static void print(struct load *load, double elapsed_ms)
{
    size_t served = atomic_load(&load->outcomes[SERVED]), skipped = load->arrivals - served;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    qsort(load->served_ms, load->arrivals, sizeof(float),
          compare); /* what was not served is 0, and comes first */
    printf("offered=%zu goodput=%.1f", load->arrivals, (double)served * 1e3 / elapsed_ms);
    for (size_t i = 0; i < OUTCOMES; i++)
        printf(" %s=%zu", outcome_words[i], atomic_load(&load->outcomes[i]));
    printf(" p50_ms=%.1f p99_ms=%.1f", served ? load->served_ms[skipped + served / 2] : 0,
           served ? load->served_ms[skipped + served * 99 / 100] : 0);
    printf(" cpu_ms=%ld\n", usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
                                usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000);
    if (*load->failure)
        fprintf(stderr, "open_loop: the last failure: %s\n", load->failure);
}

int main(int argc, char **argv)
{
    struct client_config *config = NULL;
    static struct load load;
    char pin[PIN_MAX], *why = NULL;

    if (argc != 7)
        die("usage", "open_loop CONFIG PIN-FILE CONNECTIONS RATE SECONDS DEADLINE_MS");
    load.connections = strtoul(argv[3], NULL, 10);
    load.rate = strtod(argv[4], NULL);
    load.seconds = strtod(argv[5], NULL);
    load.deadline_ms = (unsigned)strtoul(argv[6], NULL, 10);
    if (load.connections < 1 || load.connections >= CONNECTIONS_MAX || load.rate <= 0 || load.seconds <= 0)
        die("usage", "a number is out of range");
    if (client_config_load(argv[1], &config, &why))
        die(argv[1], why);
    read_pin(argv[2], pin);
    open_channels(&load, config);
    log_in(&load, config, pin);
    make_request(&load);
    draw_arrivals(&load);
    run(&load, connect_all, CONNECTORS);
    load.start_ms = now_ms() + 100;
    run(&load, work, WORKERS);
    print(&load, now_ms() - load.start_ms);
    lease_unref(load.lease);
    remote_token_free(load.token);
    remote_free(load.remote);
    for (size_t i = 0; i < load.connections; i++)
        channel_free(load.channels[i]);
    client_config_free(config);
    return EXIT_SUCCESS;
}
