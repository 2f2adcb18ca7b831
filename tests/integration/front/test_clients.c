/* SPDX-License-Identifier: Apache-2.0 */
/* test_clients.c - who is let in, and what a client that misbehaves costs: its own connection. */
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "include/table.h"
#include "proto/failure.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

static struct rig rig;

static void setup(void)
{
    rig_init(&rig);
    rig.config.handshake_ms = 500;
}

static void teardown(void)
{
    rig_stop(&rig);
}

/* The front still serves everybody else. */
static void assert_serving(void)
{
    struct client client;

    client_connect(&client, &rig);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    client_close(&client);
}

static bool is_let_in(const struct authority *authority, enum issue issue, struct client_options options)
{
    struct client client;
    bool is_in;

    if (authority)
        authority_issue(authority, "somebody", issue, &options.key, &options.certificate);
    is_in = client_handshake(&client, &rig, &options);
    client_close(&client);
    EVP_PKEY_free(options.key);
    X509_free(options.certificate);
    return is_in;
}

/* ----------------------------------------------------------------------------------------------------- who */

START_TEST(client_of_our_authority_is_let_in)
{
    rig_start(&rig);
    ck_assert(is_let_in(&rig.authority, ISSUE_CLIENT, (struct client_options){ 0 }));
}
END_TEST

START_TEST(client_without_certificate_is_refused_and_told_why)
{
    rig_start(&rig);
    ERR_clear_error();
    ck_assert(!is_let_in(NULL, ISSUE_CLIENT, (struct client_options){ 0 }));
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
    assert_serving();
}
END_TEST

START_TEST(client_of_another_authority_is_refused)
{
    rig_start(&rig);
    ck_assert(!is_let_in(&rig.stranger, ISSUE_CLIENT, (struct client_options){ 0 }));
    assert_serving();
}
END_TEST

START_TEST(client_with_an_expired_certificate_is_refused)
{
    rig_start(&rig);
    ck_assert(!is_let_in(&rig.authority, ISSUE_EXPIRED_CLIENT, (struct client_options){ 0 }));
}
END_TEST

START_TEST(client_with_a_server_certificate_is_refused)
{
    rig_start(&rig);
    ck_assert(!is_let_in(&rig.authority, ISSUE_SERVER, (struct client_options){ 0 }));
}
END_TEST

START_TEST(client_with_tls_1_2_is_refused)
{
    rig_start(&rig);
    ck_assert(!is_let_in(&rig.authority, ISSUE_CLIENT, (struct client_options){ .is_tls12 = true }));
}
END_TEST

START_TEST(client_that_does_not_ask_for_http2_is_refused)
{
    rig_start(&rig);
    ck_assert(!is_let_in(&rig.authority, ISSUE_CLIENT, (struct client_options){ .has_no_alpn = true }));
}
END_TEST

START_TEST(client_gets_nothing_to_resume_with)
{
    struct client client;
    SSL_SESSION *session;

    rig_start(&rig);
    client_connect(&client, &rig);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status,
                     GRPC_OK); /* a ticket would have come by now */
    session = SSL_get1_session(client.ssl);
    ck_assert(!SSL_SESSION_is_resumable(session));
    SSL_SESSION_free(session);
    client_close(&client);
}
END_TEST

/* --------------------------------------------------------------------------------------------- bad manners */

static bool is_socket_cut(int fd)
{
    char byte;

    return read(fd, &byte, 1) <= 0; /* SO_RCVTIMEO is longer than the front's patience */
}

START_TEST(client_that_says_nothing_is_cut)
{
    int fd;

    rig_start(&rig);
    fd = client_tcp(&rig);
    ck_assert(is_socket_cut(fd));
    close(fd);
    assert_serving();
}
END_TEST

START_TEST(client_that_does_not_speak_tls_is_cut)
{
    int fd;

    rig_start(&rig);
    fd = client_tcp(&rig);
    ck_assert_int_eq(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    (void)!is_socket_cut(fd); /* an alert may come first */
    close(fd);
    assert_serving();
}
END_TEST

/* A handshake, and then these bytes instead of HTTP/2's preface. */
static void connect_and_write(struct client *client, struct bytes bytes)
{
    struct client_options options = { 0 };

    authority_issue(&rig.authority, "somebody", ISSUE_CLIENT, &options.key, &options.certificate);
    ck_assert(client_handshake(client, &rig, &options));
    if (bytes.len)
        client_write_raw(client, bytes);
    EVP_PKEY_free(options.key);
    X509_free(options.certificate);
}

#define PREFACE        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define EMPTY_SETTINGS "\0\0\0\4\0\0\0\0\0"

START_TEST(client_that_shakes_hands_and_says_nothing_is_cut)
{
    struct client client;

    rig_start(&rig);
    connect_and_write(&client, BYTES_NONE);
    ck_assert(client_is_cut_within(&client, 3000));
    client_close(&client);
}
END_TEST

START_TEST(bad_frames_cost_their_connection)
{
    static const struct {
        const char *what;
        struct bytes bytes;
    } cases[] = {
#define CASE(what, text)                                                                                     \
    {                                                                                                        \
        what,                                                                                                \
        {                                                                                                    \
            (const uint8_t *)(text), sizeof(text) - 1                                                        \
        }                                                                                                    \
    }
        CASE("not HTTP/2", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("no SETTINGS first", PREFACE "\0\0\10\6\0\0\0\0\0"
                                          "12345678"),
        CASE("SETTINGS of a strange length", PREFACE "\0\0\1\4\0\0\0\0\0"
                                                     "x"),
        CASE("frame larger than allowed", PREFACE EMPTY_SETTINGS "\377\377\377\0\0\0\0\0\1"
                                                                 "x"),
        CASE("DATA on stream 0", PREFACE EMPTY_SETTINGS "\0\0\1\0\0\0\0\0\0"
                                                        "x"),
        CASE("CONTINUATION of nothing", PREFACE EMPTY_SETTINGS "\0\0\1\11\4\0\0\0\1"
                                                               "x"),
        CASE("header block that is none", PREFACE EMPTY_SETTINGS "\0\0\4\1\5\0\0\0\1"
                                                                 "\377\377\377\377"),
        CASE("even stream", PREFACE EMPTY_SETTINGS "\0\0\1\1\5\0\0\0\2"
                                                   "\202"),
#undef CASE
    };

    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct client client;

        connect_and_write(&client, cases[i].bytes);
        ck_assert_msg(client_is_cut_within(&client, 3000), "%s was not cut", cases[i].what);
        client_close(&client);
    }
    assert_serving();
}
END_TEST

START_TEST(half_a_header_block_is_cut)
{
    static const char half[] = PREFACE EMPTY_SETTINGS "\0\0\1\1\0\0\0\0\1"
                                                      "\203"; /* no END_HEADERS */
    struct client client;

    rig_start(&rig);
    connect_and_write(&client, BYTES(half, sizeof(half) - 1));
    ck_assert(client_is_cut_within(&client, 3000));
    client_close(&client);
    assert_serving();
}
END_TEST

START_TEST(half_a_message_is_refused_in_time_and_costs_its_connection)
{
    static const uint8_t half[] = { 0, 0, 0, 0, 8, 10 };
    const struct result *result;
    struct client client;

    rig_start(&rig);
    client_connect(&client, &rig);
    result = client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/GetToken",
                                                .body = BYTES_OF_ARRAY(half),
                                                .is_unfinished = true });
    ck_assert_int_eq(result->grpc_status, (int)reason_row(REASON_DEADLINE)->status);
    ck_assert(client_is_cut_within(&client, 2000));
    client_close(&client);
    assert_serving();
}
END_TEST

START_TEST(too_many_header_bytes_cost_the_connection)
{
    static char path[12000];
    struct client client;

    rig_start(&rig);
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    client_connect(&client, &rig);
    client_ask(&client, &(struct ask){ .path = path });
    ck_assert(client_is_cut_within(&client, 2000));
    ck_assert_uint_eq(client.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    client_close(&client);
    assert_serving();
}
END_TEST

START_TEST(client_that_does_not_read_its_answers_is_cut)
{
    int32_t stream;
    struct client client;
    char data[4096];

    rig_start(&rig);
    client_connect(&client, &rig);
    stream =
        client_send_order(&client, "big", NULL); /* a megabyte, and a window of 64 KiB that nobody opens */
    ck_assert_int_eq(stream, 1);
    usleep(1500000);
    while (SSL_read(client.ssl, data, sizeof(data)) > 0)
        ;
    ck_assert_int_ne(SSL_get_error(client.ssl, -1),
                     SSL_ERROR_WANT_READ); /* the end, not our own patience's */
    client_close(&client);
    assert_serving();
}
END_TEST

START_TEST(ping_flood_is_cut)
{
    static const char ping[] = "\0\0\10\6\0\0\0\0\0"
                               "12345678";
    struct client client;

    rig_start(&rig);
    client_connect(&client, &rig);
    for (size_t i = 0; i < 200000 && SSL_write(client.ssl, ping, sizeof(ping) - 1) > 0; i++)
        ; /* its answers are never read, so they pile up at the front until it has enough */
    client_close(&client);
    assert_serving();
}
END_TEST

/* A whole request for ListTokens, without its message, and at once its withdrawal ("rapid reset", CVE-2023-44487). */
static bool request_and_reset(struct client *client, uint32_t stream)
{
    /* HPACK: :method POST, :scheme https, :path, :authority x, content-type application/grpc */
    static const char block[] = "\x83\x87\x04\x1f/privyseal.v1.Tokens/ListTokens\x01\x01x\x0f\x10\x10"
                                "application/grpc";
    CLEANUP(buffer_clear) struct buffer frames = { 0 };

    buffer_append_u32(&frames, (sizeof(block) - 1) << 8 | NGHTTP2_HEADERS);
    buffer_append_u8(&frames, NGHTTP2_FLAG_END_HEADERS);
    buffer_append_u32(&frames, stream);
    buffer_append(&frames, BYTES(block, sizeof(block) - 1));
    buffer_append_u32(&frames, 4 << 8 | NGHTTP2_RST_STREAM);
    buffer_append_u8(&frames, 0);
    buffer_append_u32(&frames, stream);
    buffer_append_u32(&frames, NGHTTP2_CANCEL);
    return SSL_write(client->ssl, frames.data, (int)frames.len) > 0;
}

START_TEST(reset_flood_is_cut)
{
    struct client client;
    uint32_t stream = 1;

    rig_start(&rig);
    connect_and_write(&client, BYTES(PREFACE EMPTY_SETTINGS, sizeof(PREFACE EMPTY_SETTINGS) - 1));
    while (stream < 6000 && request_and_reset(&client, stream))
        stream += 2;
    ck_assert(client_is_cut_within(&client, 3000));
    client_close(&client);
    assert_serving();
}
END_TEST

/* ------------------------------------------------------------------------------------------------ too much */

START_TEST(idle_connection_is_taken_leave_of)
{
    struct client client;

    rig.config.idle_ms = 1500;
    rig_start(&rig);
    client_connect(&client, &rig);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
    ck_assert(client_is_cut_within(&client, 15000));
    ck_assert(client.has_goaway);
    ck_assert_uint_eq(client.goaway_error, NGHTTP2_NO_ERROR);
    client_close(&client);
}
END_TEST

START_TEST(connections_beyond_the_limit_are_refused)
{
    struct client first, second;
    int third;

    rig.config.max_connections = 2;
    rig_start(&rig);
    client_connect(&first, &rig);
    client_connect(&second, &rig);
    third = client_tcp(&rig);
    ck_assert(is_socket_cut(third));
    close(third);
    client_close(&first);
    usleep(500000); /* which the front notices */
    client_connect(&first, &rig);
    ck_assert_int_eq(client_order(&first, "echo")->grpc_status, GRPC_OK);
    client_close(&first);
    client_close(&second);
}
END_TEST

START_TEST(connections_of_one_address_beyond_its_limit_are_refused)
{
    struct client first;
    int second;

    rig.config.max_connections_per_address = 1;
    rig_start(&rig);
    client_connect(&first, &rig);
    second = client_tcp(&rig);
    ck_assert(is_socket_cut(second));
    close(second);
    client_close(&first);
    usleep(500000); /* which the front notices */
    assert_serving();
}
END_TEST

START_TEST(certificate_beyond_its_rate_is_told_so_and_others_are_not)
{
    struct client client;
    unsigned served = 0, busy = 0;

    rig.config.rate = 5;
    rig_start(&rig);
    client_connect(&client, &rig);
    for (unsigned i = 0; i < 30; i++) {
        int status = client_order(&client, "echo")->grpc_status;

        served += status == GRPC_OK;
        busy += status == (int)reason_row(REASON_BUSY)->status;
    }
    ck_assert_uint_ge(served, 10);
    ck_assert_uint_gt(busy, 0); /* how many, depends on how long thirty calls take here */
    ck_assert_uint_eq(served + busy, 30);
    assert_serving();
    client_close(&client);
}
END_TEST

#define HALF_LEN   (90 * 1024) /* of a message: PutCertificate takes so much */
#define HALVES     80          /* on a connection, which may have a hundred calls */
#define HALVES_RUN 5           /* as many as its window surely takes */

/* As a call that was begun: told so, or not even let in. */
static bool is_too_much(const struct result *result)
{
    return result->grpc_status == (int)reason_row(REASON_BUSY)->status ||
           result->reset == NGHTTP2_REFUSED_STREAM;
}

/* A call that ends, one way or the other: what was sent before it has been taken in, and there is a window for more. */
static void catch_up(struct client *client)
{
    const struct result *result = client_order(client, "echo");

    ck_assert(result->grpc_status == GRPC_OK || is_too_much(result));
}

/* Calls that never end, as many as there may be. How many of them were refused? */
static unsigned hold_halves(struct client *client)
{
    static const uint8_t half[HALF_LEN];
    int32_t streams[HALVES];
    unsigned refused = 0;

    for (unsigned i = 0; i < HALVES; i++) {
        if (i % HALVES_RUN == 0)
            catch_up(client);
        streams[i] = client_send(client, &(struct ask){ .path = "/privyseal.v1.Tokens/PutCertificate",
                                                        .body = BYTES_OF_ARRAY(half),
                                                        .is_unfinished = true });
    }
    catch_up(client);
    for (unsigned i = 0; i < HALVES; i++) {
        const struct result *result = &client->results[(streams[i] - 1) / 2];

        ck_assert(!result->is_closed || is_too_much(result));
        refused += result->is_closed;
    }
    return refused;
}

START_TEST(certificate_that_fills_its_share_with_halves_is_refused_more_and_others_are_not)
{
    struct client_options greedy = { 0 };
    struct client first, clients[2], other;
    unsigned refused = 0;

    rig.config.handshake_ms = 20000;
    rig_start(&rig);
    authority_issue(&rig.authority, "greedy", ISSUE_CLIENT, &greedy.key, &greedy.certificate);
    ck_assert(client_handshake(&first, &rig, &greedy));
    client_speak(&first);
    ck_assert_uint_eq(hold_halves(&first), 0);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        ck_assert(client_handshake(&clients[i], &rig, &greedy));
        client_speak(&clients[i]);
        refused += hold_halves(&clients[i]);
    }
    ck_assert_uint_gt(refused, HALVES / 4);
    client_connect(&other, &rig);
    ck_assert_uint_eq(hold_halves(&other), 0);
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
        client_close(&clients[i]);
    client_close(&first);
    client_close(&other);
    EVP_PKEY_free(greedy.key);
    X509_free(greedy.certificate);
}
END_TEST

SUITE_WITH_FIXTURE("front: clients", setup, teardown, client_of_our_authority_is_let_in,
                   client_without_certificate_is_refused_and_told_why, client_of_another_authority_is_refused,
                   client_with_an_expired_certificate_is_refused, client_with_a_server_certificate_is_refused,
                   client_with_tls_1_2_is_refused, client_that_does_not_ask_for_http2_is_refused,
                   client_gets_nothing_to_resume_with, client_that_says_nothing_is_cut,
                   client_that_does_not_speak_tls_is_cut, client_that_shakes_hands_and_says_nothing_is_cut,
                   bad_frames_cost_their_connection, half_a_header_block_is_cut,
                   half_a_message_is_refused_in_time_and_costs_its_connection,
                   too_many_header_bytes_cost_the_connection, client_that_does_not_read_its_answers_is_cut,
                   ping_flood_is_cut, reset_flood_is_cut, idle_connection_is_taken_leave_of,
                   connections_beyond_the_limit_are_refused,
                   connections_of_one_address_beyond_its_limit_are_refused,
                   certificate_beyond_its_rate_is_told_so_and_others_are_not,
                   certificate_that_fills_its_share_with_halves_is_refused_more_and_others_are_not);
