/* SPDX-License-Identifier: Apache-2.0 */
/* test_endpoints.c - which proxy is next. The clock is a number that the test moves. */
#include "client/endpoints.h"

#include <string.h>

#include "tests/support/suite.h"

static struct endpoints endpoints;
static const struct deployment_config deployment = { .endpoints = { "a:1", "b:2", "[::1]:3" },
                                                     .endpoint_count = 3 };

static void set_up(void)
{
    ck_assert_int_eq(endpoints_init(&endpoints, &deployment, 1), 0);
}

static void tear_down(void)
{
    endpoints_clear(&endpoints);
}

START_TEST(first_of_the_file_comes_first)
{
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 1000), 0);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 1, 1000), 1);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 1 | 2, 1000), 2);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 1 | 2 | 4, 1000), 3);
}
END_TEST

START_TEST(failed_one_rests_and_comes_back)
{
    endpoints_report(&endpoints, 0, false, 1000);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 1375), 1);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 1500), 0);
}
END_TEST

START_TEST(rest_doubles_up_to_half_a_minute_less_by_chance)
{
    int64_t now = 1000, rest = 0, most;

    for (int i = 0; i < 12; i++) {
        endpoints_report(&endpoints, 0, false, now);
        rest = endpoints.list[0].rest_until_ms - now;
        most = i < 6 ? 500 << i : 30000;
        ck_assert_int_le(rest, most);
        ck_assert_int_gt(rest, most - most / 4);
        now += rest;
    }
    endpoints_report(&endpoints, 0, true, now);
    endpoints_report(&endpoints, 0, false, now);
    ck_assert_int_le(endpoints.list[0].rest_until_ms - now, 500);
}
END_TEST

START_TEST(when_all_rest_the_one_that_is_back_first_is_tried)
{
    endpoints_report(&endpoints, 0, false, 1000);
    endpoints_report(&endpoints, 0, false, 1000);
    endpoints_report(&endpoints, 1, false, 1000);
    endpoints_report(&endpoints, 2, false, 1100);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 1200), 1);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 2, 1200), 2);
}
END_TEST

START_TEST(one_that_can_do_nothing_rests_while_there_is_another)
{
    ck_assert(endpoints_turn_away(&endpoints, 0, 1000));
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 6999), 1);
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 9000), 0);
    ck_assert(endpoints_turn_away(&endpoints, 0, 9000));
    ck_assert(endpoints_turn_away(&endpoints, 1, 9000));
    ck_assert(!endpoints_turn_away(&endpoints, 2, 9000));
    ck_assert_uint_eq(endpoints_choose(&endpoints, 0, 9000), 2);
}
END_TEST

START_TEST(one_is_waited_for_less_while_there_are_others)
{
    ck_assert_uint_eq(endpoints_patience_ms(&endpoints, 0, 1, 1000, 4000), 1000);
    ck_assert_uint_eq(endpoints_patience_ms(&endpoints, 2, 1 | 2 | 4, 1000, 4000), 4000); /* the last */
    endpoints_report(&endpoints, 0, false, 1000);
    ck_assert_uint_eq(endpoints_patience_ms(&endpoints, 0, 1, 2000, 4000), 500); /* a probe */
    endpoints_report(&endpoints, 1, false, 1000);
    ck_assert_uint_eq(endpoints_patience_ms(&endpoints, 2, 4, 1100, 4000), 4000); /* the others rest */
    endpoints_report(&endpoints, 0, true, 1100);
    ck_assert_uint_eq(endpoints_patience_ms(&endpoints, 2, 4, 1100, 4000), 1000);
}
END_TEST

/* Who comes first, of a thousand processes. */
START_TEST(balanced_ones_are_each_the_first_as_often)
{
    struct deployment_config balanced = deployment;
    unsigned first[3] = { 0 };

    balanced.is_balanced = true;
    for (uint64_t seed = 0; seed < 999; seed++) {
        struct endpoints drawn;
        size_t at = 0;

        ck_assert_int_eq(endpoints_init(&drawn, &balanced, seed), 0);
        while (strcmp(drawn.list[endpoints_choose(&drawn, 0, 0)].name, balanced.endpoints[at]) != 0)
            at++;
        first[at]++;
        ck_assert_uint_eq(endpoints_choose(&drawn, 1 | 2 | 4, 0), 3); /* none is there twice, or missing */
        endpoints_clear(&drawn);
    }
    for (size_t i = 0; i < 3; i++)
        ck_assert(first[i] > 250 && first[i] < 420);
}
END_TEST

START_TEST(two_processes_do_not_come_back_together)
{
    int64_t rests[16];
    unsigned equal = 0;

    for (uint64_t seed = 0; seed < 16; seed++) {
        struct endpoints drawn;

        ck_assert_int_eq(endpoints_init(&drawn, &deployment, seed), 0);
        endpoints_report(&drawn, 0, false, 0);
        rests[seed] = drawn.list[0].rest_until_ms;
        equal += seed > 0 && rests[seed] == rests[seed - 1];
        endpoints_clear(&drawn);
    }
    ck_assert_uint_lt(equal, 3);
}
END_TEST

START_TEST(address_needs_no_resolver)
{
    CLEANUP(buffer_clear) struct buffer addresses = { 0 };
    const char *why = NULL;

    ck_assert_int_eq(endpoints_addresses(&endpoints, 2, 0, &addresses, &why), 0);
    ck_assert(bytes_equal(buffer_bytes(&addresses), bytes_of_text("[::1]")));
}
END_TEST

START_TEST(known_addresses_are_not_looked_up_again)
{
    CLEANUP(buffer_clear) struct buffer addresses = { 0 };
    const char *why = NULL;

    endpoints.list[0].addresses = strdup("192.0.2.1,[2001:db8::1]");
    endpoints.list[0].resolved_ms = INT64_MAX / 2; /* whatever the clock says, not long ago */
    ck_assert_int_eq(endpoints_addresses(&endpoints, 0, 0, &addresses, &why), 0);
    ck_assert(bytes_equal(buffer_bytes(&addresses), bytes_of_text("192.0.2.1,[2001:db8::1]")));
}
END_TEST

SUITE_WITH_FIXTURE("endpoints", set_up, tear_down, first_of_the_file_comes_first,
                   failed_one_rests_and_comes_back, rest_doubles_up_to_half_a_minute_less_by_chance,
                   when_all_rest_the_one_that_is_back_first_is_tried,
                   one_that_can_do_nothing_rests_while_there_is_another,
                   one_is_waited_for_less_while_there_are_others, balanced_ones_are_each_the_first_as_often,
                   two_processes_do_not_come_back_together, address_needs_no_resolver,
                   known_addresses_are_not_looked_up_again);
