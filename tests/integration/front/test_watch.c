/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch.c - grpc.health.v1.Health/Watch: what a load balancer hears, and when. */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "proto/failure.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

#define ANSWER_LEN 7 /* a prefix, a tag, a status */
#define SERVING    1
#define NOT        2
#define UNKNOWN    3
#define OF_ONE     8 /* watchers of one connection */

static struct rig rig;
static struct client client;

static void setup(void)
{
    rig_init(&rig);
    rig_start(&rig);
    client_connect(&client, &rig);
}

static void teardown(void)
{
    client_close(&client);
    rig_stop(&rig);
}

static int32_t watch(const char *service)
{
    CLEANUP(buffer_clear) struct buffer body = { 0 };

    buffer_append(&body, BYTES("\0\0\0\0", 4));
    buffer_append_u8(&body, (uint8_t)(2 + strlen(service)));
    buffer_append_u8(&body, 0x0a); /* field 1, a string */
    buffer_append_u8(&body, (uint8_t)strlen(service));
    buffer_append_text(&body, service);
    return client_send(&client,
                       &(struct ask){ .path = "/grpc.health.v1.Health/Watch", .body = buffer_bytes(&body) });
}

/* The answers so far, the last of them @status. */
static void assert_told(int32_t stream, unsigned answers, uint8_t status)
{
    const struct result *result = client_wait_body(&client, stream, (size_t)answers * ANSWER_LEN);

    ck_assert_uint_eq(result->body.len, (size_t)answers * ANSWER_LEN);
    ck_assert_uint_eq(result->body.data[result->body.len - 1], status);
}

START_TEST(status_is_told_at_once_and_whenever_it_changes)
{
    int32_t stream = watch("privyseal.v1.Tokens");

    assert_told(stream, 1, SERVING);
    rig_kill_signer(&rig, 0);
    rig_kill_signer(&rig, 1);
    assert_told(stream, 2, NOT); /* and nothing when the first of them was gone */
    rig_attach(&rig, 0);
    assert_told(stream, 3, SERVING);
    ck_assert(!client.results[(stream - 1) / 2].is_closed);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(service_that_is_none_of_ours_is_unknown)
{
    assert_told(watch("thieves"), 1, UNKNOWN);
}
END_TEST

START_TEST(watcher_of_a_front_that_drains_is_told_and_let_go)
{
    int32_t stream = watch("");

    assert_told(stream, 1, SERVING);
    rig_tell(&rig, FRONT_CONTROL_DRAIN, 0, NULL, 0);
    assert_told(stream, 2, NOT);
    ck_assert_int_eq(client_wait(&client, stream)->grpc_status, GRPC_UNAVAILABLE);
    ck_assert_int_eq(rig_wait(&rig), EX_OK);
}
END_TEST

START_TEST(connection_has_so_many_watchers_and_no_more)
{
    int32_t streams[OF_ONE];

    for (size_t i = 0; i < OF_ONE; i++) {
        streams[i] = watch("");
        assert_told(streams[i], 1, SERVING);
    }
    ck_assert_int_eq(client_wait(&client, watch(""))->grpc_status, GRPC_RESOURCE_EXHAUSTED);
    nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, streams[0], NGHTTP2_CANCEL);
    assert_told(watch(""), 1, SERVING);
}
END_TEST

START_TEST(watcher_outlives_the_time_that_idle_connections_have)
{
    int32_t stream;

    client_close(&client);
    rig_stop(&rig);
    rig_init(&rig);
    rig.config.idle_ms = 100;
    rig_start(&rig);
    client_connect(&client, &rig);
    stream = watch("");
    assert_told(stream, 1, SERVING);
    usleep(300000);
    rig_kill_signer(&rig, 0);
    rig_kill_signer(&rig, 1);
    assert_told(stream, 2, NOT);
}
END_TEST

SUITE_WITH_FIXTURE("front: watch", setup, teardown, status_is_told_at_once_and_whenever_it_changes,
                   service_that_is_none_of_ours_is_unknown, watcher_of_a_front_that_drains_is_told_and_let_go,
                   connection_has_so_many_watchers_and_no_more,
                   watcher_outlives_the_time_that_idle_connections_have);
