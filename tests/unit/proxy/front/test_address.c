/* SPDX-License-Identifier: Apache-2.0 */
/* test_address.c - counting connections by address, against a plain array that counts the same. */
#include "proxy/front/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "tests/support/suite.h"

static uint64_t key_of_v6(const char *text)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

    ck_assert_int_eq(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return address_key((const struct sockaddr *)&address);
}

START_TEST(address_has_as_many_connections_as_it_may)
{
    CLEANUP(address_table_free) struct address_table *table = NULL;

    ck_assert_int_eq(address_table_new(100, 2, &table), 0);
    ck_assert_int_eq(address_enter(table, 7), 0);
    ck_assert_int_eq(address_enter(table, 7), 0);
    ck_assert_int_eq(address_enter(table, 7), -EUSERS);
    ck_assert_int_eq(address_enter(table, 8), 0);
    address_leave(table, 7);
    ck_assert_int_eq(address_enter(table, 7), 0);
}
END_TEST

START_TEST(ipv6_addresses_of_one_network_are_one)
{
    ck_assert_uint_eq(key_of_v6("2001:db8::1"), key_of_v6("2001:db8::ffff:1"));
    ck_assert_uint_ne(key_of_v6("2001:db8::1"), key_of_v6("2001:db8:0:1::1"));
}
END_TEST

START_TEST(ipv4_addresses_are_told_apart)
{
    struct sockaddr_in one = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001) };
    struct sockaddr_in two = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000002) };

    ck_assert_uint_ne(address_key((struct sockaddr *)&one), address_key((struct sockaddr *)&two));
}
END_TEST

#define KEYS  200
#define EACH  4
#define STEPS 200000

START_TEST(random_comings_and_goings_are_counted_exactly)
{
    CLEANUP(address_table_free) struct address_table *table = NULL;
    unsigned counts[KEYS] = { 0 };

    ck_assert_int_eq(address_table_new(KEYS * EACH, EACH, &table), 0);
    srand(1);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned key = (unsigned)rand() % KEYS;

        if (rand() % 2 && counts[key]) {
            address_leave(table, key);
            counts[key]--;
        } else {
            ck_assert_int_eq(address_enter(table, key), counts[key] < EACH ? 0 : -EUSERS);
            counts[key] += counts[key] < EACH;
        }
    }
}
END_TEST

SUITE("front/address", address_has_as_many_connections_as_it_may, ipv6_addresses_of_one_network_are_one,
      ipv4_addresses_are_told_apart, random_comings_and_goings_are_counted_exactly);
