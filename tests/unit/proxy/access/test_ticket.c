/* SPDX-License-Identifier: Apache-2.0 */
/* test_ticket.c - a ticket is good for whom, what and as long as it was made, and for nothing else. */
#include "proxy/access/ticket.h"

#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define ENDS_MS (FIXTURE_NOW_MS + 1000)

static struct token_row token;
static uint8_t certificate[HASH_LEN], ticket[TICKET_LEN];

static void setup(void)
{
    fixture_setup();
    token = fixture_token("alice");
    token.policy.second_factor = FACTOR_TOTP;
    memset(certificate, 7, sizeof(certificate));
    ck_assert_int_eq(ticket_make(&fixture.access, &token, certificate, ENDS_MS, ticket), REASON_NONE);
}

static enum reason check(int64_t now_ms)
{
    int64_t ends_ms = 0;
    enum reason reason =
        ticket_check(&fixture.access, &token, certificate, BYTES_OF_ARRAY(ticket), now_ms, &ends_ms);

    ck_assert_int_eq(ends_ms, reason == REASON_NONE ? ENDS_MS : 0);
    return reason;
}

START_TEST(ticket_is_good_until_its_end)
{
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_NONE);
    ck_assert_int_eq(check(ENDS_MS - 1), REASON_NONE);
    ck_assert_int_eq(check(ENDS_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(another_certificate_has_no_use_for_it)
{
    certificate[3] ^= 1;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(another_token_does_not_take_it)
{
    token = fixture_token("bob");
    token.policy.second_factor = FACTOR_TOTP;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(changed_pin_ends_it)
{
    token.pin_version++;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(changed_factor_ends_it)
{
    token.factor_version++;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(policy_for_another_kind_ends_it)
{
    token.policy.second_factor = FACTOR_SENT;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(every_altered_bit_spoils_it)
{
    for (size_t i = 0; i < 8 * sizeof(ticket); i++) {
        ticket[i / 8] ^= (uint8_t)(1 << i % 8);
        ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_CODE_REQUIRED);
        ticket[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}
END_TEST

START_TEST(bytes_of_another_length_are_none)
{
    uint8_t longer[TICKET_LEN + 1] = { 0 };
    int64_t ends_ms;

    memcpy(longer, ticket, sizeof(ticket));
    for (size_t len = 0; len <= sizeof(longer); len++)
        if (len != TICKET_LEN)
            ck_assert_int_eq(ticket_check(&fixture.access, &token, certificate, BYTES(longer, len),
                                          FIXTURE_NOW_MS, &ends_ms),
                             REASON_CODE_REQUIRED);
}
END_TEST

START_TEST(broken_hsm_is_not_taken_for_a_bad_ticket)
{
    fixture.hsm.failure = CKR_DEVICE_ERROR;
    ck_assert_int_eq(check(FIXTURE_NOW_MS), REASON_HSM);
}
END_TEST

SUITE_WITH_FIXTURE("ticket", setup, fixture_teardown, ticket_is_good_until_its_end,
                   another_certificate_has_no_use_for_it, another_token_does_not_take_it, changed_pin_ends_it,
                   changed_factor_ends_it, policy_for_another_kind_ends_it, every_altered_bit_spoils_it,
                   bytes_of_another_length_are_none, broken_hsm_is_not_taken_for_a_bad_ticket);
