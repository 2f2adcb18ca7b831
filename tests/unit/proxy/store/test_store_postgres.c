/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_postgres.c - what is PostgreSQL's alone: a server that goes away and comes back, and how long that takes. */
#include "proxy/store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/postgres.h"
#include "tests/support/suite.h"

static char url[POSTGRES_URL_MAX];
static struct store *store;

static void set_up(void)
{
    postgres_start();
    postgres_make_database(url);
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &store), 0);
}

static void tear_down(void)
{
    store_close(store);
    postgres_stop();
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int add(const char *name)
{
    struct token_row row = { .sequence = 1, .home = -1 };

    snprintf(row.name, sizeof(row.name), "%s", name);
    snprintf(row.serial, sizeof(row.serial), "%s", name);
    return store_token_insert(store, &row);
}

static int look(void)
{
    struct token_row row;

    return store_token_by_name(store, "alice", &row);
}

/* Until it works again, as a signer's callers do; how often it did not. */
static unsigned look_patiently(void)
{
    unsigned failures = 0;

    while (look() < 0 && failures < 200) {
        failures++;
        usleep(50000);
    }
    return failures;
}

START_TEST(server_that_was_restarted_is_found_again)
{
    ck_assert_int_eq(add("alice"), 0);
    postgres_crash();
    ck_assert_int_eq(look(), -EAGAIN);
    postgres_restart();
    ck_assert_uint_lt(look_patiently(), 200);
    ck_assert_int_eq(add("bob"), 0);
}
END_TEST

/* Somebody signs behind this call. */
START_TEST(calls_fail_at_once_while_there_is_no_server)
{
    double began;

    postgres_crash();
    ck_assert_int_eq(look(), -EAGAIN);
    began = now_s();
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(look(), -EAGAIN);
    ck_assert_double_lt(now_s() - began, 2.0);
    postgres_restart();
}
END_TEST

START_TEST(transaction_that_lost_its_server_is_rolled_back)
{
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(add("alice"), 0);
    postgres_crash();
    ck_assert_int_eq(store_commit(store), -EAGAIN);
    postgres_restart();
    look_patiently();
    ck_assert_int_eq(look(), -ENOENT);
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(add("alice"), 0);
    ck_assert_int_eq(store_commit(store), 0);
}
END_TEST

/* The second half must not be written as if there had been a first. */
START_TEST(transaction_does_not_go_on_over_a_new_connection)
{
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(add("alice"), 0);
    postgres_crash();
    postgres_restart();
    ck_assert_int_eq(add("bob"), -EAGAIN);
    ck_assert_int_eq(add("carol"), -EAGAIN);
    ck_assert_int_eq(store_commit(store), -EAGAIN);
    look_patiently();
    ck_assert_int_eq(look(), -ENOENT);
}
END_TEST

START_TEST(silent_server_costs_its_patience_once)
{
    double began = now_s();

    postgres_freeze(true);
    ck_assert_int_eq(look(), -EAGAIN);
    ck_assert_double_lt(now_s() - began, 6.0);
    began = now_s();
    ck_assert_int_eq(look(), -EAGAIN);
    ck_assert_double_lt(now_s() - began, 1.0);
    postgres_freeze(false);
    ck_assert_uint_lt(look_patiently(), 201);
    ck_assert_int_eq(look(), -ENOENT);
}
END_TEST

/* As a signer, which does something else meanwhile and, there, has no store. */
static int wait_and_look(void *arg, int fd, short events, int timeout_ms)
{
    struct pollfd polled = { .fd = fd, .events = events };
    unsigned *looks = arg;

    ck_assert_int_eq(look(), -EAGAIN);
    ck_assert_int_eq(store_begin(store), -EAGAIN);
    ++*looks;
    return poll(&polled, 1, timeout_ms < 100 ? timeout_ms : 100);
}

START_TEST(who_waits_for_a_silent_server_does_something_else)
{
    unsigned looks = 0;

    store_set_wait(store, wait_and_look, &looks);
    ck_assert_int_eq(add("alice"), 0);
    ck_assert_int_eq(look(), 0);
    looks = 0; /* a busy server may have been waited for */
    postgres_freeze(true);
    ck_assert_int_eq(look(), -EAGAIN);
    ck_assert_uint_eq(looks, 1);
    postgres_freeze(false);
    ck_assert_uint_lt(look_patiently(), 200);
    store_set_wait(store, NULL, NULL);
    ck_assert_int_eq(look(), 0);
}
END_TEST

/*
 * Lets one client in, tells it all it asks while it connects, and says nothing more. PostgreSQL 15, 55.7 (Message
 * formats)
 */
static void be_silent_after_welcome(int listener)
{
    static const char welcome[] = "R\0\0\0\x08\0\0\0\0" /* AuthenticationOk */
                                  "S\0\0\0\x18"
                                  "server_version\0"
                                  "15.0\0" /* ParameterStatus */
                                  "S\0\0\0\x26"
                                  "default_transaction_read_only\0"
                                  "off\0"
                                  "S\0\0\0\x17"
                                  "in_hot_standby\0"
                                  "off\0"
                                  "Z\0\0\0\x05I"; /* ReadyForQuery */
    int client = accept(listener, NULL, NULL);
    char words[1024];

    if (read(client, words, sizeof(words)) > 0 && write(client, welcome, sizeof(welcome) - 1) > 0)
        pause();
    _exit(0);
}

START_TEST(server_that_falls_silent_after_its_welcome_costs_its_patience_once)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char directory[] = "/tmp/privyseal-silent.XXXXXX", silent_url[128];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct store *none = NULL;
    double began = now_s();
    pid_t silent;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", directory);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    silent = fork();
    if (silent == 0)
        be_silent_after_welcome(listener);
    snprintf(silent_url, sizeof(silent_url), "postgresql:host=%s port=5432 user=x dbname=x", directory);
    ck_assert_int_eq(store_open(silent_url, &none), -EAGAIN);
    ck_assert_double_lt(now_s() - began, 8.0);
    kill(silent, SIGKILL);
    waitpid(silent, NULL, 0);
    close(listener);
    unlink(address.sun_path);
    rmdir(directory);
}
END_TEST

START_TEST(url_that_libpq_cannot_read_is_refused)
{
    struct store *none = NULL;

    ck_assert_int_eq(store_open("postgresql:nonsense=1", &none), -EINVAL);
    ck_assert_int_eq(store_open("postgresql://[::1/", &none), -EINVAL);
    ck_assert_ptr_null(none);
}
END_TEST

SUITE_WITH_FIXTURE("store postgresql", set_up, tear_down, server_that_was_restarted_is_found_again,
                   calls_fail_at_once_while_there_is_no_server,
                   transaction_that_lost_its_server_is_rolled_back,
                   transaction_does_not_go_on_over_a_new_connection, silent_server_costs_its_patience_once,
                   who_waits_for_a_silent_server_does_something_else,
                   server_that_falls_silent_after_its_welcome_costs_its_patience_once,
                   url_that_libpq_cannot_read_is_refused);
