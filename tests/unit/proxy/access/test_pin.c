/* SPDX-License-Identifier: Apache-2.0 */
/* test_pin.c - salts and check values are the HSM's, and each belongs to one token, row, version and PIN. */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

static const uint8_t s[STRETCHED_PIN_LEN] = { 1, 2, 3 };

START_TEST(salt_is_stable_and_each_token_has_its_own)
{
    uint8_t first[SALT_LEN], again[SALT_LEN], other[SALT_LEN];

    ck_assert_int_eq(pin_salt(&fixture.access, "alice", first), REASON_NONE);
    ck_assert_int_eq(pin_salt(&fixture.access, "alice", again), REASON_NONE);
    ck_assert_int_eq(pin_salt(&fixture.access, "bob", other), REASON_NONE);
    ck_assert_mem_eq(first, again, SALT_LEN);
    ck_assert_mem_ne(first, other, SALT_LEN);
}
END_TEST

START_TEST(salt_survives_new_epochs_of_the_other_keys)
{
    uint8_t before[SALT_LEN], after[SALT_LEN];

    ck_assert_int_eq(pin_salt(&fixture.access, "alice", before), REASON_NONE);
    fixture.hsm.epoch = 2;
    ck_assert_int_eq(pin_salt(&fixture.access, "alice", after), REASON_NONE);
    ck_assert_mem_eq(before, after, SALT_LEN);
}
END_TEST

START_TEST(check_value_depends_on_all_that_it_is_for)
{
    struct token_row token = { .name = "alice" }, other_token = { .name = "bob" };
    struct access_row row = { .version = 1 }, other_row = row, other_version = row;
    uint8_t other_s[STRETCHED_PIN_LEN] = { 1, 2, 4 }, value[HASH_LEN], other[HASH_LEN];
    struct {
        const struct token_row *token;
        const struct access_row *row;
        struct bytes s;
    } others[] = { { &other_token, &row, BYTES_OF_ARRAY(s) },
                   { &token, &other_row, BYTES_OF_ARRAY(s) },
                   { &token, &other_version, BYTES_OF_ARRAY(s) },
                   { &token, &row, BYTES_OF_ARRAY(other_s) } };

    other_row.row_name[0] = 1;
    other_version.version = 2;
    ck_assert_int_eq(pin_check_value(&fixture.access, &token, &row, BYTES_OF_ARRAY(s), value), REASON_NONE);
    ck_assert_int_eq(pin_check_value(&fixture.access, &token, &row, BYTES_OF_ARRAY(s), other), REASON_NONE);
    ck_assert_mem_eq(value, other, HASH_LEN);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(pin_check_value(&fixture.access, others[i].token, others[i].row, others[i].s, other),
                         REASON_NONE);
        ck_assert_mem_ne(value, other, HASH_LEN);
    }
}
END_TEST

START_TEST(secret_of_another_length_is_refused_before_the_hsm)
{
    struct token_row token = { .name = "alice" };
    struct access_row row = { .version = 1 };
    uint8_t value[HASH_LEN];

    ck_assert_int_eq(pin_check_value(&fixture.access, &token, &row, BYTES(s, sizeof(s) - 1), value),
                     REASON_MALFORMED);
    ck_assert_int_eq(pin_check_value(&fixture.access, &token, &row, BYTES_NONE, value), REASON_MALFORMED);
    ck_assert_uint_eq(fixture.hsm.calls, 0);
}
END_TEST

START_TEST(hsm_that_fails_gives_no_value)
{
    struct token_row token = { .name = "alice" };
    struct access_row row = { .version = 1 };
    uint8_t value[HASH_LEN];

    fixture.hsm.failure = CKR_DEVICE_REMOVED;
    ck_assert_int_eq(pin_check_value(&fixture.access, &token, &row, BYTES_OF_ARRAY(s), value), REASON_HSM);
    ck_assert_int_eq(pin_salt(&fixture.access, "alice", value), REASON_HSM);
}
END_TEST

SUITE_WITH_FIXTURE("pin", fixture_setup, fixture_teardown, salt_is_stable_and_each_token_has_its_own,
                   salt_survives_new_epochs_of_the_other_keys, check_value_depends_on_all_that_it_is_for,
                   secret_of_another_length_is_refused_before_the_hsm, hsm_that_fails_gives_no_value);
