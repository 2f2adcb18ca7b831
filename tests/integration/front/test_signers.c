/* SPDX-License-Identifier: Apache-2.0 */
/* test_signers.c - which signer is asked, and what happens to calls when it dies. */
#include <string.h>
#include <unistd.h>

#include "proto/failure.h"
#include "proto/privyseal.pb-c.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

static struct rig rig;
static struct client client;

static void setup(void)
{
    rig_init(&rig);
}

static void start(void)
{
    rig_start(&rig);
    client_connect(&client, &rig);
}

static void teardown(void)
{
    client_close(&client);
    rig_stop(&rig);
}

/* A session call with a lease of signer @index. */
static int32_t send_session_call(const char *path, uint8_t index)
{
    CLEANUP(buffer_clear) struct buffer body = { 0 };
    Privyseal__V1__Session session = PRIVYSEAL__V1__SESSION__INIT;
    uint8_t lease[LEASE_LEN] = { 0, index };

    session.lease = (ProtobufCBinaryData){ sizeof(lease), lease };
    session.sequence = 1;
    return client_send(&client, &(struct ask){ .path = path, .body = client_frame(&body, &session.base) });
}

static int signer_of(const struct result *result)
{
    const char *place;

    ck_assert_int_eq(result->grpc_status, GRPC_OK);
    place = memmem(result->body.data, result->body.len, "signer ", 7);
    ck_assert_ptr_nonnull(place);
    return place[7] - '0';
}

START_TEST(lease_names_its_signer)
{
    rig.config.signers = 3;
    start();
    for (uint8_t i = 0; i < 9; i++)
        ck_assert_int_eq(
            signer_of(client_wait(&client, send_session_call("/privyseal.v1.Tokens/Sign", i % 3))), i % 3);
}
END_TEST

START_TEST(lease_of_a_signer_that_never_was_goes_to_any)
{
    start();
    ck_assert_int_eq(client_wait(&client, send_session_call("/privyseal.v1.Tokens/Sign", 77))->grpc_status,
                     GRPC_OK);
}
END_TEST

START_TEST(calls_that_name_nobody_are_spread)
{
    static const uint8_t empty[5];
    unsigned seen[2] = { 0 };

    start();
    for (unsigned i = 0; i < 20; i++)
        seen[signer_of(client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/ListTokens",
                                                          .body = BYTES_OF_ARRAY(empty) }))]++;
    ck_assert_uint_gt(seen[0], 5);
    ck_assert_uint_gt(seen[1], 5);
}
END_TEST

START_TEST(rerouted_call_is_asked_once_more)
{
    start();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(client_order(&client, "move")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(call_that_is_rerouted_twice_is_unavailable)
{
    start();
    ck_assert_int_eq(client_order(&client, "move on")->grpc_status,
                     (int)reason_row(REASON_UNAVAILABLE)->status);
}
END_TEST

START_TEST(repeatable_call_of_a_dying_signer_is_answered_by_another)
{
    start();
    for (unsigned i = 0; i < 2; i++) /* one of them meets signer 0 */
        ck_assert_int_eq(client_order(&client, "die once")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(signer_that_leaves_answers_what_it_was_sent_and_gets_no_more)
{
    int32_t leaving, late[8];

    start();
    leaving = client_send_order(&client, "leave", NULL);
    usleep(100000);
    for (size_t i = 0; i < 8; i++)
        late[i] = client_send_order(&client, "echo", NULL);
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(client_wait(&client, late[i])->grpc_status, GRPC_OK);
    ck_assert(!client.results[(leaving - 1) / 2].is_closed);
    ck_assert_int_eq(client_wait(&client, leaving)->grpc_status, GRPC_OK);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

/* The stub exits without an answer to GenerateKey: had it been sent there, it would be lost. */
START_TEST(call_that_must_not_be_repeated_waits_for_the_next_signer_when_its_own_leaves)
{
    int32_t leaving, waiting;

    rig.config.signers = 1;
    start();
    leaving = client_send_order(&client, "leave", NULL);
    usleep(100000);
    waiting = send_session_call("/privyseal.v1.Tokens/GenerateKey", 0);
    ck_assert_int_eq(client_wait(&client, leaving)->grpc_status, GRPC_OK);
    usleep(100000);
    ck_assert(!client.results[(waiting - 1) / 2].is_closed);
}
END_TEST

START_TEST(call_that_kills_every_signer_is_repeated_once_and_no_more)
{
    rig.config.signers = 3;
    start();
    ck_assert_int_eq(client_order(&client, "die")->grpc_status, (int)reason_row(REASON_UNAVAILABLE)->status);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK); /* the third lives */
}
END_TEST

START_TEST(call_that_must_not_be_repeated_is_unavailable_when_its_signer_dies)
{
    start();
    ck_assert_int_eq(
        client_wait(&client, send_session_call("/privyseal.v1.Tokens/GenerateKey", 0))->grpc_status,
        (int)reason_row(REASON_UNAVAILABLE)->status);
}
END_TEST

START_TEST(lease_of_a_dead_signer_is_answered_by_another_at_once)
{
    start();
    rig_kill_signer(&rig, 0);
    ck_assert_int_eq(signer_of(client_wait(&client, send_session_call("/privyseal.v1.Tokens/Sign", 0))), 1);
}
END_TEST

START_TEST(call_without_any_signer_waits_for_the_next)
{
    int32_t stream;

    start();
    rig_kill_signer(&rig, 0);
    rig_kill_signer(&rig, 1);
    stream = client_send_order(&client, "echo", NULL);
    usleep(200000);
    rig_attach(&rig, 1);
    ck_assert_int_eq(client_wait(&client, stream)->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(call_that_no_signer_comes_for_is_another_proxys)
{
    const struct result *result;
    int32_t stream;

    start();
    rig_kill_signer(&rig, 0);
    rig_kill_signer(&rig, 1);
    stream = client_send_order(&client, "echo", NULL);
    ck_assert_uint_eq(client_wait(&client, stream)->reset, NGHTTP2_REFUSED_STREAM);
    ck_assert_uint_eq(client_order(&client, "echo")->reset, NGHTTP2_REFUSED_STREAM);
    rig_attach(&rig, 1);
    do { /* until the front has heard of it */
        usleep(100000);
        result = client_order(&client, "echo");
    } while (result->reset == NGHTTP2_REFUSED_STREAM);
    ck_assert_int_eq(result->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(partition_call_waits_for_the_partition_signer)
{
    int32_t stream;

    rig.config.partitions = 1; /* its index is 2, and it has not been attached yet */
    start();
    stream = send_session_call("/privyseal.v1.Tokens/Sign", 2);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    ck_assert(!client.results[(stream - 1) / 2].is_closed);
    rig_attach(&rig, 2);
    ck_assert_int_eq(signer_of(client_wait(&client, stream)), 2);
}
END_TEST

START_TEST(killed_signer_in_the_midst_of_fifty_calls_costs_none)
{
    int32_t streams[50];

    start();
    for (size_t i = 0; i < 50; i++)
        streams[i] = client_send_order(&client, i % 10 ? "echo" : "slow", NULL);
    rig_kill_signer(&rig, 0);
    rig_attach(&rig, 0);
    for (size_t i = 0; i < 50; i++)
        ck_assert_int_eq(client_wait(&client, streams[i])->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(full_queue_is_busy_and_empties_again)
{
    int32_t streams[100];
    unsigned busy = 0;

    rig.config.signers = 1;
    rig.config.queue = 4;
    start();
    for (size_t i = 0; i < 60; i++)
        streams[i] = client_send_order(&client, i ? "echo" : "slow", NULL);
    for (size_t i = 0; i < 60; i++)
        busy += client_wait(&client, streams[i])->grpc_status != GRPC_OK;
    ck_assert_uint_gt(busy, 0);
    ck_assert_uint_lt(busy, 30);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

/* Ten calls of 300 ms from one client; the front knows from one before them what they take. */
static void crowd(int32_t streams[10])
{
    ck_assert_int_eq(client_order(&client, "slow")->grpc_status, GRPC_OK);
    for (size_t i = 0; i < 10; i++)
        streams[i] = client_send_order(&client, "slow", NULL);
}

START_TEST(call_that_would_be_done_too_late_is_refused_at_once)
{
    int32_t streams[10];

    rig.config.signers = 1;
    start();
    crowd(streams);
    ck_assert_int_eq(client_wait(&client, client_send_order(&client, "slow", "2000m"))->grpc_status,
                     (int)reason_row(REASON_BUSY)->status);
    ck_assert(!client.results[(streams[9] - 1) / 2].is_closed); /* what came before is still waited for */
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(client_wait(&client, streams[i])->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(modest_client_is_served_in_time_beside_a_crowd_of_anothers)
{
    struct client modest;
    int32_t streams[10];

    rig.config.signers = 1;
    start();
    client_connect(&modest, &rig);
    crowd(streams);
    /* What was sent first, so that it is there first. */
    ck_assert_int_eq(client_wait(&client, streams[0])->grpc_status, GRPC_OK);
    ck_assert_int_eq(client_wait(&modest, client_send_order(&modest, "slow", "2000m"))->grpc_status, GRPC_OK);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(client_wait(&client, streams[i])->grpc_status, GRPC_OK);
    client_close(&modest);
}
END_TEST

START_TEST(full_queue_makes_room_for_another_client)
{
    struct client modest;
    int32_t streams[10];
    unsigned busy = 0;

    rig.config.signers = 1;
    rig.config.queue = 4;
    start();
    client_connect(&modest, &rig);
    crowd(streams);
    ck_assert_int_eq(client_wait(&client, streams[0])->grpc_status, GRPC_OK);
    ck_assert_int_eq(client_order(&modest, "slow")->grpc_status, GRPC_OK);
    for (size_t i = 1; i < 10; i++)
        busy += client_wait(&client, streams[i])->grpc_status == (int)reason_row(REASON_BUSY)->status;
    ck_assert_uint_ge(busy, 4);
    client_close(&modest);
}
END_TEST

START_TEST(signer_that_sends_nonsense_is_reported_and_its_calls_move)
{
    struct front_control message;

    start();
    ck_assert_int_eq(client_order(&client, "nonsense")->grpc_status,
                     (int)reason_row(REASON_UNAVAILABLE)->status);
    message = rig_hear(&rig);
    ck_assert_uint_eq(message.kind, FRONT_CONTROL_BROKEN);
    ck_assert_uint_eq(message.index ^ rig_hear(&rig).index, 1); /* the other one, which it was repeated at */
}
END_TEST

SUITE_WITH_FIXTURE(
    "front: signers", setup, teardown, lease_names_its_signer, lease_of_a_signer_that_never_was_goes_to_any,
    calls_that_name_nobody_are_spread, rerouted_call_is_asked_once_more,
    call_that_is_rerouted_twice_is_unavailable, repeatable_call_of_a_dying_signer_is_answered_by_another,
    signer_that_leaves_answers_what_it_was_sent_and_gets_no_more,
    call_that_must_not_be_repeated_waits_for_the_next_signer_when_its_own_leaves,
    call_that_kills_every_signer_is_repeated_once_and_no_more,
    call_that_must_not_be_repeated_is_unavailable_when_its_signer_dies,
    lease_of_a_dead_signer_is_answered_by_another_at_once, call_without_any_signer_waits_for_the_next,
    call_that_no_signer_comes_for_is_another_proxys, partition_call_waits_for_the_partition_signer,
    killed_signer_in_the_midst_of_fifty_calls_costs_none, full_queue_is_busy_and_empties_again,
    call_that_would_be_done_too_late_is_refused_at_once,
    modest_client_is_served_in_time_beside_a_crowd_of_anothers, full_queue_makes_room_for_another_client,
    signer_that_sends_nonsense_is_reported_and_its_calls_move);
