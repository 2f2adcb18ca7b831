/* SPDX-License-Identifier: Apache-2.0 */
/* test_postgres_hosts.c - libpq's lists of hosts, with the addresses of those that are names. */
#include "proxy/store/postgres_hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/store/postgres_link.h"
#include "tests/support/suite.h"

static struct postgres_hosts *hosts;

static void set_up(void)
{
    hosts = NULL;
    unsetenv("PGHOST");
    unsetenv("PGHOSTADDR");
    unsetenv("PGPORT");
}

static void tear_down(void)
{
    postgres_hosts_free(hosts);
}

/* As a signer's calls come, one after the other. */
static int find(const char *host, const char *hostaddr, const char *port)
{
    int r = postgres_hosts_new(host, hostaddr, port, &hosts);

    ck_assert_int_eq(r, 0);
    do
        r = postgres_hosts_find(hosts, postgres_clock_ms() + 250);
    while (r == -EAGAIN);
    return r;
}

static void assert_left_to_libpq(void)
{
    ck_assert_ptr_null(postgres_hosts_value(hosts, "host"));
    ck_assert_ptr_null(postgres_hosts_value(hosts, "hostaddr"));
    ck_assert_ptr_null(postgres_hosts_value(hosts, "port"));
}

START_TEST(address_is_left_alone)
{
    ck_assert_int_eq(find("192.0.2.1,2001:db8::1", NULL, "5433"), 0);
    assert_left_to_libpq();
}
END_TEST

START_TEST(socket_is_left_alone)
{
    ck_assert_int_eq(find("/run/postgresql,@abstract", NULL, NULL), 0);
    assert_left_to_libpq();
}
END_TEST

START_TEST(nothing_given_is_left_alone)
{
    ck_assert_int_eq(find(NULL, NULL, NULL), 0);
    assert_left_to_libpq();
}
END_TEST

/* How often @word is in the list. */
static unsigned times(const char *list, const char *word)
{
    unsigned count = 0;

    for (; (list = strstr(list, word)); list += strlen(word))
        count++;
    return count;
}

START_TEST(name_comes_with_each_of_its_addresses)
{
    unsigned addresses;

    ck_assert_int_eq(find("localhost", NULL, "5433"), 0);
    addresses = times(postgres_hosts_value(hosts, "hostaddr"), ",") + 1;
    ck_assert_ptr_nonnull(strstr(postgres_hosts_value(hosts, "hostaddr"), "127.0.0.1"));
    ck_assert_uint_eq(times(postgres_hosts_value(hosts, "host"), "localhost"), addresses);
    ck_assert_uint_eq(times(postgres_hosts_value(hosts, "port"), "5433"), addresses);
    ck_assert_ptr_null(postgres_hosts_value(hosts, "user"));
}
END_TEST

START_TEST(lists_stay_side_by_side)
{
    const char *host, *address;

    ck_assert_int_eq(find("/run/a,localhost,192.0.2.1,db", ",,,192.0.2.2", "1,2,3,4"), 0);
    host = postgres_hosts_value(hosts, "host");
    address = postgres_hosts_value(hosts, "hostaddr");
    ck_assert(strncmp(host, "/run/a,localhost,", 17) == 0);
    ck_assert(*address == ',');
    ck_assert_str_eq(strstr(host, "192.0.2.1"), "192.0.2.1,db");
    ck_assert_str_eq(strrchr(address, ',') - 1, ",,192.0.2.2");
    ck_assert(strncmp(postgres_hosts_value(hosts, "port"), "1,2,", 4) == 0);
    ck_assert_str_eq(strstr(postgres_hosts_value(hosts, "port"), "3,"), "3,4");
}
END_TEST

START_TEST(environment_speaks_where_the_url_does_not)
{
    setenv("PGHOST", "localhost", 1);
    setenv("PGPORT", "5444", 1);
    ck_assert_int_eq(find(NULL, NULL, NULL), 0);
    ck_assert_ptr_nonnull(strstr(postgres_hosts_value(hosts, "host"), "localhost"));
    ck_assert_ptr_nonnull(strstr(postgres_hosts_value(hosts, "port"), "5444"));
}
END_TEST

START_TEST(lists_that_do_not_fit_are_for_libpq_to_refuse)
{
    ck_assert_int_eq(find("localhost,localhost,localhost", NULL, "1,2"), 0);
    assert_left_to_libpq();
}
END_TEST

START_TEST(name_that_nobody_knows_is_skipped)
{
    ck_assert_int_eq(find("no.such.host.invalid,192.0.2.1", NULL, NULL), 0);
    ck_assert_str_eq(postgres_hosts_value(hosts, "host"), "192.0.2.1");
}
END_TEST

START_TEST(names_that_nobody_knows_are_no_place_to_connect_to)
{
    ck_assert_int_eq(find("no.such.host.invalid", NULL, NULL), -EHOSTUNREACH);
    assert_left_to_libpq();
}
END_TEST

SUITE_WITH_FIXTURE("postgres hosts", set_up, tear_down, address_is_left_alone, socket_is_left_alone,
                   nothing_given_is_left_alone, name_comes_with_each_of_its_addresses,
                   lists_stay_side_by_side, environment_speaks_where_the_url_does_not,
                   lists_that_do_not_fit_are_for_libpq_to_refuse, name_that_nobody_knows_is_skipped,
                   names_that_nobody_knows_are_no_place_to_connect_to);
