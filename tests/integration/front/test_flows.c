/* SPDX-License-Identifier: Apache-2.0 */
/* test_flows.c - bytes that come in crumbs or in heaps, and readers that are slow, half gone or gone. */
#include <openssl/bio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/failure.h"
#include "proto/method.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

#define WIDE   (16 * 1024 * 1024) /* a window that HTTP/2 never closes */
#define NARROW 65536              /* a socket's buffer that is soon full */
#define BIG    7 /* answers of a megabyte; the eighth would be more than a client may leave lying about */

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

static void assert_serving(void)
{
    struct client other;

    client_connect(&other, &rig);
    ck_assert_int_eq(client_order(&other, "echo")->grpc_status, GRPC_OK);
    client_close(&other);
}

/* Only TCP holds the answers back. */
static void open_windows(struct client *wide)
{
    const nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WIDE };
    int narrow = NARROW;

    ck_assert_int_eq(nghttp2_submit_settings(wide->session, NGHTTP2_FLAG_NONE, &window, 1), 0);
    ck_assert_int_eq(nghttp2_session_set_local_window_size(wide->session, NGHTTP2_FLAG_NONE, 0, WIDE), 0);
    setsockopt(wide->fd, SOL_SOCKET, SO_RCVBUF, &narrow, sizeof(narrow));
    ck_assert_int_eq(client_order(wide, "echo")->grpc_status, GRPC_OK);
}

/* What @count orders would have been on the wire, instead of sending them. Freed with BIO_free(). */
static BIO *record_orders(int32_t streams[], size_t count)
{
    BIO *recorded = BIO_new(BIO_s_mem());

    ck_assert_ptr_nonnull(recorded);
    BIO_up_ref(recorded);
    SSL_set0_wbio(client.ssl, recorded);
    for (size_t i = 0; i < count; i++)
        streams[i] = client_send_order(&client, "echo", NULL);
    SSL_set0_wbio(client.ssl, BIO_new_socket(client.fd, BIO_NOCLOSE));
    return recorded;
}

START_TEST(record_that_comes_byte_by_byte_is_understood)
{
    int32_t stream;
    BIO *recorded = record_orders(&stream, 1);
    char *data;
    long len = BIO_get_mem_data(recorded, &data);

    for (long i = 0; i < len; i++)
        ck_assert_int_eq(write(client.fd, data + i, 1), 1); /* TCP_NODELAY: a segment each */
    BIO_free(recorded);
    ck_assert_int_eq(client_wait(&client, stream)->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(hundred_records_that_come_at_once_are_all_taken)
{
    int32_t streams[100];
    BIO *recorded = record_orders(streams, 100);
    char *data;
    long len = BIO_get_mem_data(recorded, &data);

    ck_assert_int_eq(write(client.fd, data, (size_t)len), len);
    BIO_free(recorded);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(client_wait(&client, streams[i])->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(slow_reader_gets_all_in_the_end_and_delays_nobody)
{
    int32_t streams[BIG];

    open_windows(&client);
    for (size_t i = 0; i < BIG; i++)
        streams[i] = client_send_order(&client, "big", NULL);
    assert_serving();
    for (size_t i = 0; i < BIG; i++) {
        const struct result *result = client_wait(&client, streams[i]);

        ck_assert_int_eq(result->grpc_status, GRPC_OK);
        ck_assert_uint_eq(result->body.len, method_by_id(METHOD_GetToken)->reply_max + 5);
    }
}
END_TEST

START_TEST(client_that_dies_in_the_middle_of_an_answer_takes_nothing_along)
{
    const struct linger reset = { .l_onoff = 1 };

    for (size_t i = 0; i < 10; i++) {
        struct client dying;
        int32_t stream;

        client_connect(&dying, &rig);
        open_windows(&dying);
        stream = client_send_order(&dying, "big", NULL);
        ck_assert_uint_gt(client_wait_body(&dying, stream, 1)->body.len, 0);
        setsockopt(dying.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        client_close(&dying);
    }
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(client_that_closes_its_half_is_gone)
{
    struct client half;

    client_connect(&half, &rig);
    client_send_order(&half, "hang", NULL);
    shutdown(half.fd, SHUT_WR);
    ck_assert(client_is_cut_within(&half, 5000)); /* long before its call's deadline */
    client_close(&half);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(flood_of_what_is_no_record_costs_its_connection)
{
    static const uint8_t nonsense[65536];
    struct client flooding;

    client_connect(&flooding, &rig);
    for (size_t i = 0; i < 64 && send(flooding.fd, nonsense, sizeof(nonsense), MSG_NOSIGNAL) > 0; i++)
        ;
    ck_assert(client_is_cut_within(&flooding, 5000));
    client_close(&flooding);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

SUITE_WITH_FIXTURE("front: flows", setup, teardown, record_that_comes_byte_by_byte_is_understood,
                   hundred_records_that_come_at_once_are_all_taken,
                   slow_reader_gets_all_in_the_end_and_delays_nobody,
                   client_that_dies_in_the_middle_of_an_answer_takes_nothing_along,
                   client_that_closes_its_half_is_gone, flood_of_what_is_no_record_costs_its_connection);
