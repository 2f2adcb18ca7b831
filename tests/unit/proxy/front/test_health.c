/* SPDX-License-Identifier: Apache-2.0 */
/* test_health.c - the health service's two messages. */
#include "proxy/front/health.h"

#include <string.h>

#include "tests/support/suite.h"

static enum grpc_status check(const char *service, bool is_serving, struct buffer *ret)
{
    uint8_t question[128] = { 0x0a, (uint8_t)strlen(service) }; /* field 1: a string */

    memcpy(question + 2, service, strlen(service));
    return health_check(BYTES(question, 2 + strlen(service)), is_serving, ret);
}

START_TEST(every_service_and_the_whole_server_are_known)
{
    static const char *const services[] = { "", "privyseal.v1.Tokens", "privyseal.v1.Operators",
                                            "grpc.health.v1.Health" };
    static const uint8_t serving[] = { 0x08, 1 }, not_serving[] = { 0x08, 2 };

    for (size_t i = 0; i < 4; i++) {
        CLEANUP(buffer_clear) struct buffer yes = { 0 };
        CLEANUP(buffer_clear) struct buffer no = { 0 };

        ck_assert_int_eq(check(services[i], true, &yes), GRPC_OK);
        ck_assert(bytes_equal(buffer_bytes(&yes), BYTES_OF_ARRAY(serving)));
        ck_assert_int_eq(check(services[i], false, &no), GRPC_OK);
        ck_assert(bytes_equal(buffer_bytes(&no), BYTES_OF_ARRAY(not_serving)));
    }
}
END_TEST

START_TEST(empty_question_is_about_the_whole_server)
{
    CLEANUP(buffer_clear) struct buffer answer = { 0 };

    ck_assert_int_eq(health_check(BYTES_NONE, true, &answer), GRPC_OK);
}
END_TEST

START_TEST(unknown_service_is_not_found)
{
    CLEANUP(buffer_clear) struct buffer answer = { 0 };

    ck_assert_int_eq(check("Tokens", true, &answer), GRPC_NOT_FOUND);
    ck_assert_int_eq(check("privyseal.v1.", true, &answer), GRPC_NOT_FOUND);
    ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(what_is_no_question_is_an_invalid_argument)
{
    static const uint8_t cut[] = { 0x0a, 5, 'a' };
    CLEANUP(buffer_clear) struct buffer answer = { 0 };

    ck_assert_int_eq(health_check(BYTES_OF_ARRAY(cut), true, &answer), GRPC_INVALID_ARGUMENT);
}
END_TEST

SUITE("front/health", every_service_and_the_whole_server_are_known, empty_question_is_about_the_whole_server,
      unknown_service_is_not_found, what_is_no_question_is_an_invalid_argument);
