/* SPDX-License-Identifier: Apache-2.0 */
/* test_typed_pin.c - where the PIN ends and the code begins. */
#include "client/typed_pin.h"

#include "include/table.h"
#include "tests/support/suite.h"

static void expect(const char *typed, bool is_code_asked, const char *pin, const char *code)
{
    struct typed_pin parts = typed_pin_split(bytes_of_text(typed), is_code_asked);

    ck_assert_msg(bytes_equal(parts.pin, bytes_of_text(pin)), "%s", typed);
    ck_assert_msg(bytes_equal(parts.code, bytes_of_text(code)), "%s", typed);
}

START_TEST(code_follows_the_last_comma)
{
    expect("739154,123456", true, "739154", "123456");
    expect("739154,12345678", true, "739154", "12345678");
    expect("a,b,c,123456", true, "a,b,c", "123456");
    expect("123456,123456,123456", true, "123456,123456", "123456");
    expect(",123456", true, "", "123456");
}
END_TEST

START_TEST(what_is_no_code_stays_in_the_pin)
{
    static const char *const pins[] = { "739154",        "739154,",        "739154,12345", "739154,123456789",
                                        "739154,12345x", "739154, 123456", "a,b",          "" };

    for (size_t i = 0; i < ARRAY_SIZE(pins); i++)
        expect(pins[i], true, pins[i], "");
}
END_TEST

START_TEST(comma_means_nothing_where_no_code_is_asked_for)
{
    expect("739154,123456", false, "739154,123456", "");
}
END_TEST

START_TEST(pin_that_would_be_split_is_known)
{
    ck_assert(typed_pin_ends_in_code(bytes_of_text("739154,123456")));
    ck_assert(!typed_pin_ends_in_code(bytes_of_text("739154,12345")));
    ck_assert(!typed_pin_ends_in_code(bytes_of_text("739154")));
}
END_TEST

SUITE("typed pin", code_follows_the_last_comma, what_is_no_code_stays_in_the_pin,
      comma_means_nothing_where_no_code_is_asked_for, pin_that_would_be_split_is_known);
