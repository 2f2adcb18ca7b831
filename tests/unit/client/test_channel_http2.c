/* SPDX-License-Identifier: Apache-2.0 */
/* test_channel_http2.c - the real channel against a real HTTP/2 server, which does what servers do on bad days. */
#include "client/channel.h"

#include <dirent.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/resolve.h"
#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/client/h2_server.h"
#include "tests/unit/client/throwaway_ca.h"

static char directory[64], endpoint[32], ca[96], certificate[96], key[96];
static struct throwaway root, own, client;
static struct h2_server server;
static OSSL_LIB_CTX *libctx;
static OSSL_PROVIDER *provider;
static struct deployment_config deployment;
static struct identity_config identity;
static struct channel *channel;
static struct channel_reply reply;
static unsigned threads_before; /* one, but for a sanitizer's own */

static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    ck_assert_ptr_nonnull(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static void open_channel(void)
{
    char *why = NULL;
    int r = channel_http2_new(libctx, &deployment, &identity, &channel, &why);

    ck_assert_msg(r == 0, "%s", why ? why : "");
}

static void set_up(void)
{
    strcpy(directory, "/tmp/privyseal-channel-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    root = throwaway_make(THROWAWAY_ROOT, NULL, NULL);
    own = throwaway_make(THROWAWAY_SERVER, &root, NULL);
    client = throwaway_make(THROWAWAY_CLIENT, &root, NULL);
    throwaway_write(&root, directory, "ca");
    throwaway_write(&client, directory, "me");
    snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
    snprintf(certificate, sizeof(certificate), "%s/me.pem", directory);
    snprintf(key, sizeof(key), "%s/me.key", directory);
    server = h2_server_start(&own, &root);
    snprintf(endpoint, sizeof(endpoint), "localhost:%u", server.port);
    deployment = (struct deployment_config){
        .endpoints = { endpoint }, .endpoint_count = 1, .ca = ca, .connect_timeout_ms = 2000
    };
    identity = (struct identity_config){ .certificate = certificate, .key = key };
    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    threads_before = count_threads();
    open_channel();
}

static void tear_down(void)
{
    static const char *const names[] = { "ca.pem", "ca.key", "me.pem", "me.key" };
    char path[128];

    channel_reply_clear(&reply);
    channel_free(channel);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    h2_server_stop(&server);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
    throwaway_clear(&root);
    throwaway_clear(&own);
    throwaway_clear(&client);
}

static enum grpc_status call_with(enum method_id method, unsigned deadline_ms)
{
    channel_reply_clear(&reply);
    channel->ops->call(channel, method_by_id(method), bytes_of_text("hello"), deadline_ms, &reply);
    if (reply.status == GRPC_OK)
        ck_assert(bytes_equal(buffer_bytes(&reply.body), bytes_of_text("hello")));
    return reply.status;
}

static enum grpc_status call(void)
{
    return call_with(METHOD_Sign, 5000);
}

static void behave(enum h2_behaviour behaviour)
{
    atomic_store(&server.shared->behaviour, behaviour);
}

static void await_end_of_a_connection(void)
{
    for (unsigned i = 0; server.shared->ended == 0 && i < 1000; i++)
        usleep(10000);
    ck_assert_uint_gt(server.shared->ended, 0);
}

/* ---------------------------------------------------------------------------------------------------- connections */

START_TEST(many_calls_share_one_connection)
{
    for (int i = 0; i < 50; i++)
        ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 1);
    ck_assert_uint_eq(server.shared->requests, 50);
}
END_TEST

START_TEST(nothing_is_connected_before_the_first_call)
{
    ck_assert_uint_eq(server.shared->connections, 0);
}
END_TEST

START_TEST(no_thread_is_started_for_a_call_or_a_name)
{
    CLEANUP(buffer_clear) struct buffer addresses = { 0 };
    const char *why = NULL;

    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_int_eq(resolve_host("localhost", clock_now_ms() + 2000, &addresses, &why), 0);
    ck_assert_ptr_nonnull(memmem(addresses.data, addresses.len, "127.0.0.1", 9));
    ck_assert_uint_eq(count_threads(), threads_before);
}
END_TEST

START_TEST(connection_closed_while_idle_is_made_anew)
{
    behave(H2_CLOSE_AFTER);
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_ECHO);
    await_end_of_a_connection();
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 2);
}
END_TEST

/* Firewalls forget a connection without a word to either end. */
START_TEST(connection_that_went_silent_while_idle_is_made_anew)
{
    deployment.connect_timeout_ms = 500;
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_HANG_OLD);
    usleep(2100 * 1000); /* lately used ones are not doubted */
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 2);
}
END_TEST

START_TEST(silence_of_a_connection_in_use_is_a_slow_server)
{
    deployment.connect_timeout_ms = 200;
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_HANG_OLD);
    ck_assert_uint_eq(call_with(METHOD_Sign, 1000), GRPC_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(server.shared->connections, 1);
}
END_TEST

START_TEST(server_that_answers_a_ping_is_waited_for)
{
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_HANG_OLD);
    ck_assert_uint_eq(call_with(METHOD_Sign, 4500), GRPC_DEADLINE_EXCEEDED);
    ck_assert_uint_eq(server.shared->connections, 1);
}
END_TEST

START_TEST(frozen_server_is_asked_again_over_a_new_connection)
{
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_FREEZE_OLD);
    ck_assert_uint_eq(call_with(METHOD_Sign, 15000), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 2);
}
END_TEST

START_TEST(frozen_server_is_not_sent_again_what_is_not_to_be_repeated)
{
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_FREEZE_OLD);
    ck_assert_uint_eq(call_with(METHOD_GenerateKey, 15000), GRPC_UNAVAILABLE);
    ck_assert(reply.was_sent);
    ck_assert_uint_eq(server.shared->requests, 2);
}
END_TEST

START_TEST(connection_that_says_goaway_is_made_anew)
{
    behave(H2_GOAWAY_AFTER);
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_ECHO);
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 2);
}
END_TEST

START_TEST(refused_stream_is_sent_again)
{
    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_REFUSE_STREAM);
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->requests, 3);
}
END_TEST

START_TEST(what_is_not_to_be_repeated_is_sent_once)
{
    ck_assert_uint_eq(call_with(METHOD_GenerateKey, 5000), GRPC_OK);
    behave(H2_CLOSE);
    ck_assert_uint_eq(call_with(METHOD_GenerateKey, 5000), GRPC_UNAVAILABLE);
    ck_assert(reply.was_sent);
    ck_assert_uint_eq(server.shared->requests, 2);
}
END_TEST

static void *call_some(void *cookie)
{
    unsigned *good = cookie;

    for (int i = 0; i < 10; i++) {
        struct channel_reply own_reply;

        channel->ops->call(channel, method_by_id(METHOD_Sign), bytes_of_text("hello"), 10000, &own_reply);
        *good += own_reply.status == GRPC_OK;
        channel_reply_clear(&own_reply);
    }
    return NULL;
}

START_TEST(threads_call_side_by_side)
{
    pthread_t threads[16];
    unsigned good[16] = { 0 };

    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_some, &good[i]), 0);
    for (int i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(good[i], 10);
    }
    ck_assert_uint_le(server.shared->connections, 16);
}
END_TEST

struct busy {
    atomic_bool *ends;
    unsigned calls;
};

static void *call_until_told(void *cookie)
{
    struct busy *busy = cookie;

    while (!atomic_load(busy->ends)) {
        struct channel_reply own_reply;

        channel->ops->call(channel, method_by_id(METHOD_Sign), bytes_of_text("hello"), 10000, &own_reply);
        busy->calls += own_reply.status == GRPC_OK;
        channel_reply_clear(&own_reply);
    }
    return NULL;
}

START_TEST(threads_take_turns_with_few_connections)
{
    pthread_t threads[48];
    struct busy busy[48];
    atomic_bool ends = false;
    unsigned least = UINT_MAX, most = 0;

    for (unsigned i = 0; i < 48; i++) {
        busy[i] = (struct busy){ .ends = &ends };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_until_told, &busy[i]), 0);
    }
    sleep(2);
    atomic_store(&ends, true);
    for (unsigned i = 0; i < 48; i++) {
        pthread_join(threads[i], NULL);
        least = busy[i].calls < least ? busy[i].calls : least;
        most = busy[i].calls > most ? busy[i].calls : most;
    }
    ck_assert_uint_le(server.shared->connections, 16);
    ck_assert_msg(least * 2 >= most, "one thread made %u calls and another %u", least, most);
}
END_TEST

START_TEST(second_endpoint_serves_when_the_first_is_down)
{
    channel_free(channel);
    deployment.endpoints[0] = (char *)"127.0.0.1:1";
    deployment.endpoints[1] = endpoint;
    deployment.endpoint_count = 2;
    open_channel();
    ck_assert_uint_eq(call(), GRPC_OK);
}
END_TEST

START_TEST(nobody_there_is_not_sent)
{
    channel_free(channel);
    deployment.endpoints[0] = (char *)"127.0.0.1:1";
    open_channel();
    ck_assert_uint_eq(call(), GRPC_UNAVAILABLE);
    ck_assert(!reply.was_sent);
}
END_TEST

START_TEST(unknown_name_is_not_sent)
{
    channel_free(channel);
    deployment.endpoints[0] = (char *)"no-such-host.invalid:1";
    deployment.connect_timeout_ms = 500;
    open_channel();
    ck_assert_uint_eq(call_with(METHOD_Sign, 2000), GRPC_UNAVAILABLE);
    ck_assert(!reply.was_sent);
    ck_assert_uint_eq(count_threads(), threads_before);
}
END_TEST

/* -------------------------------------------------------------------------------------------------------- answers */

START_TEST(servers_no_is_told_with_its_words)
{
    behave(H2_REFUSE);
    ck_assert_uint_eq(call(), GRPC_PERMISSION_DENIED);
    ck_assert_str_eq(reply.detail, "not you");
}
END_TEST

START_TEST(server_that_does_not_answer_costs_no_more_than_the_deadline)
{
    int64_t began;

    ck_assert_uint_eq(call(), GRPC_OK);
    behave(H2_HANG);
    began = clock_now_ms();
    ck_assert_uint_eq(call_with(METHOD_Sign, 300), GRPC_DEADLINE_EXCEEDED);
    ck_assert(reply.was_sent);
    ck_assert_int_lt(clock_now_ms() - began, 1500);
    behave(H2_ECHO);
    ck_assert_uint_eq(call(), GRPC_OK);
}
END_TEST

START_TEST(answer_larger_than_the_method_allows_is_refused)
{
    behave(H2_TOO_MUCH);
    ck_assert_uint_eq(call(), GRPC_RESOURCE_EXHAUSTED);
    ck_assert_uint_eq(reply.body.len, 0);
    behave(H2_ECHO);
    ck_assert_uint_eq(call(), GRPC_OK);
}
END_TEST

START_TEST(request_larger_than_the_method_allows_is_not_sent)
{
    CLEANUP(free) void *large = calloc(1, 8192);

    channel->ops->call(channel, method_by_id(METHOD_Unlock), BYTES(large, 8192), 5000, &reply);
    ck_assert_uint_eq(reply.status, GRPC_RESOURCE_EXHAUSTED);
    ck_assert_uint_eq(server.shared->connections, 0);
}
END_TEST

/* --------------------------------------------------------------------------------------------- trust and the host */

START_TEST(server_of_a_foreign_root_is_not_spoken_to)
{
    struct throwaway foreign = throwaway_make(THROWAWAY_ROOT, NULL, NULL);

    throwaway_write(&foreign, directory, "ca");
    throwaway_clear(&foreign);
    channel_free(channel);
    open_channel();
    ck_assert_uint_eq(call(), GRPC_UNAVAILABLE);
    ck_assert(!reply.was_sent);
    ck_assert_uint_eq(server.shared->requests, 0);
}
END_TEST

START_TEST(server_of_another_name_is_not_spoken_to)
{
    channel_free(channel);
    h2_server_stop(&server);
    server = h2_server_start(&client, &root); /* a good certificate, but a client's, with no name of a host */
    snprintf(endpoint, sizeof(endpoint), "localhost:%u", server.port);
    open_channel();
    ck_assert_uint_eq(call(), GRPC_UNAVAILABLE);
    ck_assert_uint_eq(server.shared->requests, 0);
}
END_TEST

START_TEST(missing_key_file_is_named)
{
    struct channel *none = NULL;
    char *why = NULL;

    identity.key = (char *)"/nonexistent/me.key";
    ck_assert_int_eq(channel_http2_new(libctx, &deployment, &identity, &none, &why), -ENOENT);
    ck_assert_str_eq(why, "the client key /nonexistent/me.key cannot be read: No such file or directory");
    free(why);
}
END_TEST

/* As "openssl ecparam -genkey" writes them: the parameters of P-256, then the key. */
START_TEST(key_behind_its_curves_parameters_is_found)
{
    static const char parameters[] =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    char text[4096];
    FILE *file = fopen(key, "re");
    size_t len = fread(text, 1, sizeof(text), file);

    fclose(file);
    file = fopen(key, "we");
    ck_assert_uint_eq(fwrite(parameters, 1, sizeof(parameters) - 1, file), sizeof(parameters) - 1);
    ck_assert_uint_eq(fwrite(text, 1, len, file), len);
    fclose(file);
    channel_free(channel);
    open_channel();
    ck_assert_uint_eq(call(), GRPC_OK);
}
END_TEST

START_TEST(key_of_another_certificate_is_refused)
{
    struct channel *none = NULL;
    char *why = NULL, other[128];

    snprintf(other, sizeof(other), "%s/ca.key", directory);
    identity.key = other;
    ck_assert_int_eq(channel_http2_new(libctx, &deployment, &identity, &none, &why), -EBADMSG);
    ck_assert_ptr_nonnull(why);
    free(why);
}
END_TEST

START_TEST(replaced_certificate_is_used)
{
    uint8_t hash[HASH_LEN];

    ck_assert_uint_eq(call(), GRPC_OK);
    throwaway_clear(&client);
    client = throwaway_make(THROWAWAY_CLIENT, &root, NULL);
    throwaway_write(&client, directory, "me");
    usleep(5200 * 1000); /* files are looked at every five seconds */
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 2);
    channel->ops->certificate_hash(channel, hash);
    ck_assert_mem_eq(hash, server.shared->peer, HASH_LEN);
}
END_TEST

START_TEST(environment_names_no_proxy)
{
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    ck_assert_uint_eq(call(), GRPC_OK);
}
END_TEST

START_TEST(hosts_library_context_is_restored)
{
    OSSL_LIB_CTX *hosts = OSSL_LIB_CTX_new(), *before = OSSL_LIB_CTX_set0_default(hosts);

    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_ptr_eq(OSSL_LIB_CTX_set0_default(before), hosts);
    OSSL_LIB_CTX_free(hosts);
}
END_TEST

START_TEST(forked_child_lets_go_without_disturbing_its_parent)
{
    pid_t child;
    int status;

    ck_assert_uint_eq(call(), GRPC_OK);
    child = fork();
    if (child == 0) {
        channel_abandon(channel);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(call(), GRPC_OK);
    ck_assert_uint_eq(server.shared->connections, 1);
}
END_TEST

SUITE_WITH_FIXTURE(
    "channel_http2", set_up, tear_down, many_calls_share_one_connection,
    nothing_is_connected_before_the_first_call, no_thread_is_started_for_a_call_or_a_name,
    connection_closed_while_idle_is_made_anew, connection_that_went_silent_while_idle_is_made_anew,
    silence_of_a_connection_in_use_is_a_slow_server, server_that_answers_a_ping_is_waited_for,
    frozen_server_is_asked_again_over_a_new_connection,
    frozen_server_is_not_sent_again_what_is_not_to_be_repeated, connection_that_says_goaway_is_made_anew,
    refused_stream_is_sent_again, what_is_not_to_be_repeated_is_sent_once, threads_call_side_by_side,
    threads_take_turns_with_few_connections, second_endpoint_serves_when_the_first_is_down,
    nobody_there_is_not_sent, unknown_name_is_not_sent, servers_no_is_told_with_its_words,
    server_that_does_not_answer_costs_no_more_than_the_deadline,
    answer_larger_than_the_method_allows_is_refused, request_larger_than_the_method_allows_is_not_sent,
    server_of_a_foreign_root_is_not_spoken_to, server_of_another_name_is_not_spoken_to,
    missing_key_file_is_named, key_behind_its_curves_parameters_is_found,
    key_of_another_certificate_is_refused, replaced_certificate_is_used, environment_names_no_proxy,
    hosts_library_context_is_restored, forked_child_lets_go_without_disturbing_its_parent);
