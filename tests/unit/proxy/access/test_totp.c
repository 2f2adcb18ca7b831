/* SPDX-License-Identifier: Apache-2.0 */
/* test_totp.c - codes against RFC 6238's own, the window, and replay. */
#include "proxy/access/totp.h"

#include <errno.h>

#include "include/table.h"
#include "tests/support/suite.h"

/* RFC 6238 appendix B, SHA-1: the last six of its eight digits. */
#define SEED "12345678901234567890"
static const struct {
    int64_t seconds;
    const char *code;
} vectors[] = {
    { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
    { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
};

#define NOW_S INT64_C(1111111109)
#define STEP  ((uint64_t)NOW_S / TOTP_STEP_S)

static uint64_t step_of(const char *code, int64_t seconds, unsigned window, uint64_t last_step)
{
    uint64_t step = 99;

    ck_assert_int_eq(totp_find_step(BYTES(SEED, TOTP_SEED_LEN), bytes_of_text(code), seconds * 1000, window,
                                    last_step, &step),
                     0);
    return step;
}

START_TEST(codes_of_the_standard_are_right)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
        ck_assert_uint_eq(step_of(vectors[i].code, vectors[i].seconds, 0, 0),
                          (uint64_t)vectors[i].seconds / TOTP_STEP_S);
}
END_TEST

START_TEST(code_is_good_within_the_window_and_no_longer)
{
    for (unsigned window = 0; window <= TOTP_WINDOW_MAX; window += TOTP_WINDOW_MAX / 2) {
        int64_t late_s = NOW_S + (int64_t)window * TOTP_STEP_S,
                early_s = NOW_S - (int64_t)window * TOTP_STEP_S;

        ck_assert_uint_eq(step_of("081804", late_s, window, 0), STEP);
        ck_assert_uint_eq(step_of("081804", early_s, window, 0), STEP);
        ck_assert_uint_eq(step_of("081804", late_s + TOTP_STEP_S, window, 0), 0);
        ck_assert_uint_eq(step_of("081804", early_s - TOTP_STEP_S, window, 0), 0);
    }
}
END_TEST

START_TEST(code_that_was_used_and_those_before_it_are_not_good_again)
{
    ck_assert_uint_eq(step_of("081804", NOW_S, 1, STEP - 1), STEP);
    ck_assert_uint_eq(step_of("081804", NOW_S, 1, STEP), 0);
    ck_assert_uint_eq(step_of("081804", NOW_S, 1, STEP + 1), 0);
}
END_TEST

START_TEST(another_code_or_another_length_is_wrong)
{
    static const char *const codes[] = { "", "081805", "08180", "0818040", "14050471", "abcdef" };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        ck_assert_uint_eq(step_of(codes[i], NOW_S, 1, 0), 0);
}
END_TEST

START_TEST(clock_before_the_first_steps_is_refused)
{
    uint64_t step;

    ck_assert_int_eq(totp_find_step(BYTES(SEED, TOTP_SEED_LEN), bytes_of_text("755224"), 0, 1, 0, &step),
                     -EIO);
}
END_TEST

SUITE("totp", codes_of_the_standard_are_right, code_is_good_within_the_window_and_no_longer,
      code_that_was_used_and_those_before_it_are_not_good_again, another_code_or_another_length_is_wrong,
      clock_before_the_first_steps_is_refused);
