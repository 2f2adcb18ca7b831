/* SPDX-License-Identifier: Apache-2.0 */
/* test_forward.c - what a receiver gets, and that one which takes nothing holds nothing up. */
#include "proxy/audit/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const struct log_name log_name = { "web1", 2 };
static const struct audit_record record = {
    .sequence = 7,
    .time_us = 1700000000123456,
    .event = "sign",
    .result = "OK",
    .principal = "ann",
    .token = "ann",
    .request_id = "0123456789abcdef",
    .client_request_id = "two\nlines",
};
#define LINE BYTES("{\"sequence\":7}", 14)

/* A receiver on loopback; its address as [audit] forward has it. */
static int listen_at(int type, const char *scheme, char where[64])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, type, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 1), 0);
    snprintf(where, 64, "%s127.0.0.1:%u", scheme, ntohs(address.sin_port));
    return fd;
}

static const char *receive(int fd)
{
    static char text[8192];
    ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    return text;
}

START_TEST(datagram_is_a_syslog_message)
{
    CLEANUP(forward_close) struct forward *forward = NULL;
    char where[64], expected[256];
    int fd = listen_at(SOCK_DGRAM, "syslog:", where);

    ck_assert_int_eq(forward_open(where, &log_name, &forward), 0);
    forward_record(forward, &record, LINE);
    snprintf(expected, sizeof(expected),
             "<109>1 2023-11-14T22:13:20.123456Z web1 privyseald-audit %ld sign - {\"sequence\":7}",
             (long)getpid());
    ck_assert_str_eq(receive(fd), expected);
    ck_assert_uint_eq(forward_dropped(forward), 0);
    close(fd);
}
END_TEST

START_TEST(stream_carries_counted_messages_and_is_sought_again)
{
    CLEANUP(forward_close) struct forward *forward = NULL;
    char where[64], *rest = NULL;
    const char *text;
    int fd = listen_at(SOCK_STREAM, "syslog-tcp:", where), peer;

    ck_assert_int_eq(forward_open(where, &log_name, &forward), 0);
    peer = accept(fd, NULL, NULL);
    forward_record(forward, &record, LINE);
    forward_tick(forward, 1000);
    text = receive(peer);
    ck_assert_uint_eq(strtoul(text, &rest, 10), strlen(rest + 1));
    ck_assert_int_eq(strncmp(rest, " <109>1 ", 8), 0);
    close(peer);
    for (unsigned i = 0; i < 3; i++) /* until the peer's end is noticed */
        forward_record(forward, &record, LINE);
    forward_tick(forward, 10000);
    peer = accept(fd, NULL, NULL);
    forward_tick(forward, 11000);
    ck_assert_ptr_nonnull(strstr(receive(peer), " <109>1 "));
    close(peer);
    close(fd);
}
END_TEST

START_TEST(journal_gets_fields_and_lengths_where_a_line_ends_inside)
{
    CLEANUP(forward_close) struct forward *forward = NULL;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct scratch scratch;
    const char *text;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    scratch_make(&scratch);
    strcpy(address.sun_path, scratch_path(&scratch, "socket"));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(forward_open_journal(address.sun_path, &log_name, &forward), 0);
    forward_record(forward, &record, LINE);
    text = receive(fd);
    ck_assert_ptr_nonnull(strstr(text, "MESSAGE={\"sequence\":7}\nPRIORITY=5\n"));
    ck_assert_ptr_nonnull(strstr(text, "PRIVYSEAL_EVENT=sign\n"));
    ck_assert_ptr_nonnull(strstr(text, "PRIVYSEAL_LOG=web1.signer-2\n"));
    ck_assert_ptr_nonnull(strstr(text, "PRIVYSEAL_CLIENT_REQUEST\n\x09"));
    close(fd);
    scratch_remove(&scratch);
}
END_TEST

START_TEST(receiver_that_is_not_there_is_counted_and_nothing_fails)
{
    CLEANUP(forward_close) struct forward *forward = NULL;

    ck_assert_int_eq(forward_open_journal("/nonexistent/socket", &log_name, &forward), 0);
    forward_record(forward, &record, LINE);
    forward_record(forward, &record, LINE);
    ck_assert_uint_eq(forward_dropped(forward), 2);
    forward_tick(forward, 1000);
}
END_TEST

START_TEST(stream_that_is_not_read_fills_up_and_drops)
{
    CLEANUP(forward_close) struct forward *forward = NULL;
    char where[64], *text = calloc(1, 4000);
    int fd = listen_at(SOCK_STREAM, "syslog-tcp:", where); /* never accepted, never read */

    memset(text, 'x', 4000);
    ck_assert_int_eq(forward_open(where, &log_name, &forward), 0);
    for (unsigned i = 0; i < 5000; i++)
        forward_record(forward, &record, BYTES(text, 4000));
    ck_assert_uint_gt(forward_dropped(forward), 1000);
    close(fd);
    free(text);
}
END_TEST

START_TEST(names_are_not_looked_up)
{
    struct forward *forward = NULL;

    ck_assert_int_eq(forward_open("syslog:localhost:514", &log_name, &forward), -EINVAL);
    ck_assert_int_eq(forward_open("syslog:127.0.0.1", &log_name, &forward), -EINVAL);
    ck_assert_int_eq(forward_open("syslog:127.0.0.1:", &log_name, &forward), -EINVAL);
    ck_assert_int_eq(forward_open("smoke:127.0.0.1:1", &log_name, &forward), -EINVAL);
    ck_assert_int_eq(forward_open("syslog:[::1]:514", &log_name, &forward), 0);
    forward_close(forward);
}
END_TEST

SUITE("forward", datagram_is_a_syslog_message, stream_carries_counted_messages_and_is_sought_again,
      journal_gets_fields_and_lengths_where_a_line_ends_inside,
      receiver_that_is_not_there_is_counted_and_nothing_fails, stream_that_is_not_read_fills_up_and_drops,
      names_are_not_looked_up);
