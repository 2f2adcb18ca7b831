/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_postgres.c - what is PostgreSQL's alone: a server that goes away and comes back, and how long that takes. */
#include "proxy/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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
                   url_that_libpq_cannot_read_is_refused);
