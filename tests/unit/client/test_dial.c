/* SPDX-License-Identifier: Apache-2.0 */
/* test_dial.c - which of several addresses is taken, and what is left open. */
#include "client/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"
#include "tests/support/suite.h"

static struct descriptors descriptors;
static int listener;
static char port[8];

static void set_up(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    descriptors_init(&descriptors);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
}

static void tear_down(void)
{
    descriptors_close(&descriptors);
    close(listener);
}

static unsigned count_open(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < DESCRIPTORS_MAX; i++)
        count += atomic_load(&descriptors.list[i]) >= 0;
    return count;
}

static int dial_now(const char *addresses)
{
    int fd = -1, r = dial(addresses, port, &descriptors, clock_now_ms() + 5000, &fd);

    ck_assert_uint_eq(count_open(), r == 0);
    ck_assert_int_eq(r == 0, fd >= 0);
    return r;
}

START_TEST(address_that_listens_is_connected)
{
    ck_assert_int_eq(dial_now("127.0.0.1"), 0);
}
END_TEST

START_TEST(next_address_is_tried_as_soon_as_one_refuses)
{
    int64_t began = clock_now_ms();

    ck_assert_int_eq(dial_now("127.0.0.2,[::1],127.0.0.1"), 0);
    ck_assert_int_lt(clock_now_ms() - began, 2000);
}
END_TEST

#define MUTE   "127.0.0.4"
#define FILLED 4

/* A host that is switched off: nothing comes back. Here somebody whose queue is full and never emptied. */
static void make_mute(int ret_sockets[FILLED + 1])
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    ck_assert_int_eq(inet_pton(AF_INET, MUTE, &address.sin_addr), 1);
    for (size_t i = 0; i <= FILLED; i++)
        ret_sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (i ? SOCK_NONBLOCK : 0), 0);
    ck_assert_int_eq(bind(ret_sockets[0], (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(ret_sockets[0], 0), 0);
    for (size_t i = 1; i <= FILLED; i++)
        (void)!connect(ret_sockets[i], (struct sockaddr *)&address, sizeof(address));
}

START_TEST(mute_address_does_not_keep_the_others_waiting)
{
    int sockets[FILLED + 1], fd = -1;

    make_mute(sockets);
    ck_assert_int_eq(dial(MUTE, port, &descriptors, clock_now_ms() + 300, &fd), -ETIMEDOUT);
    ck_assert_int_eq(dial_now(MUTE ",127.0.0.1"), 0);
    for (size_t i = 0; i <= FILLED; i++)
        close(sockets[i]);
}
END_TEST

START_TEST(refusal_of_the_last_is_told)
{
    ck_assert_int_eq(dial_now("127.0.0.2,127.0.0.3"), -ECONNREFUSED);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const bad[] = { "", "host", "127.0.0.1,", "[::1", "[127.0.0.1]", "1.2.3" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(dial_now(bad[i]), -EINVAL);
}
END_TEST

START_TEST(passed_deadline_connects_nothing)
{
    int fd = -1;

    ck_assert_int_eq(dial("127.0.0.1", port, &descriptors, clock_now_ms(), &fd), -ETIMEDOUT);
    ck_assert_uint_eq(count_open(), 0);
}
END_TEST

START_TEST(child_that_let_go_closes_no_number_twice)
{
    int fd, other;

    ck_assert_int_eq(dial("127.0.0.1", port, &descriptors, clock_now_ms() + 5000, &fd), 0);
    descriptors_close(&descriptors);
    other = dup(listener); /* the number may be somebody else's by now */
    ck_assert_int_eq(other, fd);
    descriptors_remove(&descriptors, fd);
    ck_assert_int_eq(close(other), 0);
}
END_TEST

SUITE_WITH_FIXTURE("dial", set_up, tear_down, address_that_listens_is_connected,
                   next_address_is_tried_as_soon_as_one_refuses,
                   mute_address_does_not_keep_the_others_waiting, refusal_of_the_last_is_told,
                   what_is_no_address_is_refused, passed_deadline_connects_nothing,
                   child_that_let_go_closes_no_number_twice);
