/* SPDX-License-Identifier: Apache-2.0 */
/* test_life.c - draining, new certificates, many idle connections. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "proto/failure.h"
#include "proxy/front/sandbox.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

static struct rig rig;

static void setup(void)
{
    rig_init(&rig);
}

static void teardown(void)
{
    rig_stop(&rig);
}

START_TEST(drained_front_finishes_its_calls_and_leaves)
{
    struct client client;
    int32_t stream;

    rig_start(&rig);
    client_connect(&client, &rig);
    stream = client_send_order(&client, "slow", NULL);
    usleep(50000);
    rig_tell(&rig, FRONT_CONTROL_DRAIN, 0, NULL, 0);
    ck_assert_int_eq(client_wait(&client, stream)->grpc_status, GRPC_OK);
    ck_assert(client_is_cut_within(&client, 3000));
    ck_assert(client.has_goaway);
    ck_assert_uint_eq(client.goaway_error, NGHTTP2_NO_ERROR);
    ck_assert_int_eq(rig_wait(&rig), EX_OK);
    client_close(&client);
}
END_TEST

START_TEST(call_on_its_way_when_draining_begins_is_served)
{
    struct client client;

    rig_start(&rig);
    client_connect(&client, &rig);
    rig_tell(&rig, FRONT_CONTROL_DRAIN, 0, NULL, 0);
    usleep(100000); /* the first GOAWAY is out, and names no last stream */
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    ck_assert_int_eq(rig_wait(&rig), EX_OK);
    client_close(&client);
}
END_TEST

START_TEST(drained_front_without_connections_leaves_at_once)
{
    rig_start(&rig);
    rig_tell(&rig, FRONT_CONTROL_DRAIN, 0, NULL, 0);
    ck_assert_int_eq(rig_wait(&rig), EX_OK);
}
END_TEST

static bool server_is(const struct client *client, const char *name)
{
    char found[64];
    X509 *certificate = SSL_get0_peer_certificate(client->ssl);

    ck_assert_int_gt(
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, found, sizeof(found)),
        0);
    return strcmp(found, name) == 0;
}

START_TEST(new_certificate_serves_new_connections_and_leaves_old_ones_alone)
{
    struct client before, after;

    rig_start(&rig);
    client_connect(&before, &rig);
    rig_reload(&rig);
    client_connect(&after, &rig);
    for (unsigned i = 0; !server_is(&after, "front, renewed") && i < 100; i++) { /* until it is in force */
        usleep(50000);
        client_close(&after);
        client_connect(&after, &rig);
    }
    ck_assert(server_is(&before, "front"));
    ck_assert(server_is(&after, "front, renewed"));
    ck_assert_int_eq(client_order(&before, "echo")->grpc_status, GRPC_OK);
    ck_assert_int_eq(client_order(&after, "echo")->grpc_status, GRPC_OK);
    client_close(&before);
    client_close(&after);
}
END_TEST

START_TEST(bad_material_is_not_taken)
{
    struct client client;
    int null[TLS_FILES] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO };

    rig_start(&rig);
    rig_tell(&rig, FRONT_CONTROL_TLS, 0, null, TLS_FILES);
    usleep(100000);
    client_connect(&client, &rig);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    client_close(&client);
}
END_TEST

START_TEST(strange_message_of_the_supervisor_ends_the_front)
{
    rig_start(&rig);
    rig_tell(&rig, (enum front_control_kind)99, 0, NULL, 0);
    ck_assert_int_eq(WEXITSTATUS(rig_wait(&rig)), EX_SOFTWARE);
}
END_TEST

/* Private and resident, in KiB: what the front alone costs. */
static long memory_kib(pid_t pid)
{
    char path[64], line[128];
    long kib = 0, more;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "Private_Dirty: %ld", &more) == 1)
            kib += more;
    fclose(file);
    return kib;
}

#define IDLE_CONNECTIONS 500
#define IDLE_MAX_KIB     64 /* each; 49 when this was written, OpenSSL and nghttp2 included */

START_TEST(idle_connections_cost_a_little_memory_and_nothing_else)
{
    static struct client idle[IDLE_CONNECTIONS];
    struct client_options options = { 0 };
    struct client client;
    long before_kib, each_kib;

    rig.config.idle_ms = 600000;
    rig_start(&rig);
    authority_issue(&rig.authority, "somebody", ISSUE_CLIENT, &options.key, &options.certificate);
    client_connect(&client, &rig);
    before_kib = memory_kib(rig.front);
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++) {
        ck_assert(client_handshake(&idle[i], &rig, &options));
        client_speak(&idle[i]);
    }
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    each_kib = (memory_kib(rig.front) - before_kib) / IDLE_CONNECTIONS;
    fprintf(stderr, "# an idle connection costs the front %ld KiB\n", each_kib);
    if (sandbox_is_built()) /* without the address sanitizer, whose memory this would measure */
        ck_assert_int_le(each_kib, IDLE_MAX_KIB);
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
        client_close(&idle[i]);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    client_close(&client);
    EVP_PKEY_free(options.key);
    X509_free(options.certificate);
}
END_TEST

SUITE_WITH_FIXTURE("front: life", setup, teardown, drained_front_finishes_its_calls_and_leaves,
                   call_on_its_way_when_draining_begins_is_served,
                   drained_front_without_connections_leaves_at_once,
                   new_certificate_serves_new_connections_and_leaves_old_ones_alone,
                   bad_material_is_not_taken, strange_message_of_the_supervisor_ends_the_front,
                   idle_connections_cost_a_little_memory_and_nothing_else);
