/* SPDX-License-Identifier: Apache-2.0 */
/* test_strangers.c - clients without a certificate: so many, so often, from one address and in total. */
#include "proxy/front/strangers.h"

#include "tests/support/suite.h"

#define SECOND_NS UINT64_C(1000000000)
#define NOW_NS    (100 * SECOND_NS)

static const struct proxy_config config = { .enrolment_connections = 3,
                                            .enrolment_rate = 10,
                                            .enrolment_rate_per_address = 2 };
static struct strangers *strangers;

static void setup(void)
{
    ck_assert_int_eq(strangers_new(&config, &strangers), 0);
}

static void teardown(void)
{
    strangers_free(strangers);
}

START_TEST(one_address_gets_its_rate_and_no_more)
{
    for (unsigned i = 0; i < 4; i++) /* two seconds' worth at once */
        ck_assert(strangers_may_call(strangers, 1, NOW_NS));
    ck_assert(!strangers_may_call(strangers, 1, NOW_NS));
    ck_assert(strangers_may_call(strangers, 2, NOW_NS));
    ck_assert(strangers_may_call(strangers, 1, NOW_NS + SECOND_NS));
}
END_TEST

START_TEST(all_together_get_theirs)
{
    unsigned calls = 0;

    for (uint64_t address = 0; address < 100; address++)
        calls += strangers_may_call(strangers, address, NOW_NS);
    ck_assert_uint_eq(calls, 20);
}
END_TEST

START_TEST(connections_are_counted_until_they_leave)
{
    for (uint64_t address = 0; address < 3; address++)
        ck_assert(strangers_enter(strangers, address, NOW_NS));
    ck_assert(!strangers_enter(strangers, 3, NOW_NS));
    strangers_leave(strangers);
    ck_assert(strangers_enter(strangers, 3, NOW_NS));
}
END_TEST

SUITE_WITH_FIXTURE("strangers", setup, teardown, one_address_gets_its_rate_and_no_more,
                   all_together_get_theirs, connections_are_counted_until_they_leave);
