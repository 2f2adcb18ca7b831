/* SPDX-License-Identifier: Apache-2.0 */
/* test_row_mac.c - no field of a row can be changed without the HSM. */
#include <stddef.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

struct field {
    const char *name;
    size_t offset;
};

#define FIELD(type, member)                                                                                  \
    {                                                                                                        \
#member, offsetof(struct type, member)                                                               \
    }

/* One byte of each field is flipped; a buffer's content, not its address, stands for it. */
static const struct field token_fields[] = {
    FIELD(token_row, id),
    FIELD(token_row, name),
    FIELD(token_row, serial),
    FIELD(token_row, custody),
    FIELD(token_row, home),
    FIELD(token_row, partition),
    FIELD(token_row, enabled),
    FIELD(token_row, locked),
    FIELD(token_row, pin_version),
    FIELD(token_row, version),
    FIELD(token_row, sequence),
    FIELD(token_row, created_ms),
    FIELD(token_row, activation),
    FIELD(token_row, activation_until_ms),
    FIELD(token_row, failures_total),
    FIELD(token_row, failures_version),
    FIELD(token_row, failed_ms),
    FIELD(token_row, attempts),
    FIELD(token_row, grants),
    FIELD(token_row, memberships),
    FIELD(token_row, policy.second_factor),
    FIELD(token_row, policy.device_secret),
    FIELD(token_row, policy.always_authenticate),
    FIELD(token_row, policy.idle_ms),
    FIELD(token_row, policy.max_signatures),
    FIELD(token_row, policy.mechanisms),
    FIELD(token_row, policy.no_decrypt),
    FIELD(token_row, policy.keys_need_permit),
    FIELD(token_row, policy.key_permits),
    FIELD(token_row, recovery_bits),
    FIELD(token_row, recovery),
    FIELD(token_row, retired_versions),
    FIELD(token_row, recovery_failures),
    FIELD(token_row, recovery_failed_ms),
    FIELD(token_row, factor),
    FIELD(token_row, factor_version),
    FIELD(token_row, factors),
    FIELD(token_row, mac),
};
static const struct field access_fields[] = {
    FIELD(access_row, token_id), FIELD(access_row, kind),     FIELD(access_row, row_name),
    FIELD(access_row, version),  FIELD(access_row, kd_epoch), FIELD(access_row, nonce),
    FIELD(access_row, check),    FIELD(access_row, mac),
};
static const struct field key_fields[] = {
    FIELD(key_row, token_id),   FIELD(key_row, name),  FIELD(key_row, label),
    FIELD(key_row, key_type),   FIELD(key_row, bits),  FIELD(key_row, kd_epoch),
    FIELD(key_row, kw_epoch),   FIELD(key_row, nonce), FIELD(key_row, created_ms),
    FIELD(key_row, expires_ms), FIELD(key_row, usage), FIELD(key_row, always_authenticate),
    FIELD(key_row, mac),
};

static const struct field certificate_fields[] = {
    FIELD(certificate_row, token_id),   FIELD(certificate_row, key_name), FIELD(certificate_row, label),
    FIELD(certificate_row, created_ms), FIELD(certificate_row, mac),
};
static const struct field principal_fields[] = {
    FIELD(principal_row, id),
    FIELD(principal_row, name),
    FIELD(principal_row, enabled),
    FIELD(principal_row, created_ms),
    FIELD(principal_row, sequence),
    FIELD(principal_row, certificates),
    FIELD(principal_row, requests),
    FIELD(principal_row, device_code),
    FIELD(principal_row, device_code_until_ms),
    FIELD(principal_row, device_secret),
    FIELD(principal_row, mac),
};

static struct token_row token_example(void)
{
    struct token_row row = { .name = "alice", .serial = "00112233", .partition = "44", .enabled = true };

    ck_assert_int_eq(row_mac_token(&fixture.access, &row), REASON_NONE);
    return row;
}

static struct access_row access_example(uint8_t *sealed, size_t len)
{
    struct access_row row = { .token_id = 1, .version = 1, .sealed = { .data = sealed, .len = len } };

    ck_assert_int_eq(row_mac_access(&fixture.access, &row), REASON_NONE);
    return row;
}

static struct key_row key_example(uint8_t *spki, size_t spki_len, uint8_t *sealed, size_t sealed_len)
{
    struct key_row row = { .token_id = 1,
                           .label = "key 1",
                           .spki = { .data = spki, .len = spki_len },
                           .sealed = { .data = sealed, .len = sealed_len } };

    ck_assert_int_eq(row_mac_key(&fixture.access, &row), REASON_NONE);
    return row;
}

START_TEST(token_with_any_field_changed_is_refused)
{
    const struct field *field;

    for (EACH_ROW(field, token_fields)) {
        struct token_row row = token_example();

        ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE);
        ((uint8_t *)&row)[field->offset] ^= 1;
        ck_assert_msg(row_check_token(&fixture.access, &row) == REASON_INTEGRITY, "%s", field->name);
    }
}
END_TEST

START_TEST(mac_with_any_byte_changed_is_refused)
{
    for (size_t i = 0; i < HASH_LEN; i++) {
        struct token_row row = token_example();

        row.mac[i] ^= 1;
        ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
    }
}
END_TEST

START_TEST(access_row_with_any_field_changed_is_refused)
{
    const struct field *field;
    uint8_t sealed[] = { 1, 2, 3 };

    for (EACH_ROW(field, access_fields)) {
        struct access_row row = access_example(sealed, sizeof(sealed));

        ck_assert_int_eq(row_check_access(&fixture.access, &row), REASON_NONE);
        ((uint8_t *)&row)[field->offset] ^= 1;
        ck_assert_msg(row_check_access(&fixture.access, &row) == REASON_INTEGRITY, "%s", field->name);
    }
}
END_TEST

START_TEST(key_with_any_field_changed_is_refused)
{
    const struct field *field;
    uint8_t spki[] = { 1, 2, 3 }, sealed[] = { 4, 5 };

    for (EACH_ROW(field, key_fields)) {
        struct key_row row = key_example(spki, sizeof(spki), sealed, sizeof(sealed));

        ck_assert_int_eq(row_check_key(&fixture.access, &row), REASON_NONE);
        ((uint8_t *)&row)[field->offset] ^= 1;
        ck_assert_msg(row_check_key(&fixture.access, &row) == REASON_INTEGRITY, "%s", field->name);
    }
}
END_TEST

START_TEST(certificate_with_any_field_changed_is_refused)
{
    const struct field *field;
    uint8_t der[] = { 1, 2, 3 };

    for (EACH_ROW(field, certificate_fields)) {
        struct certificate_row row = { .label = "one", .der = { .data = der, .len = sizeof(der) } };

        ck_assert_int_eq(row_mac_certificate(&fixture.access, &row), REASON_NONE);
        ck_assert_int_eq(row_check_certificate(&fixture.access, &row), REASON_NONE);
        der[1] ^= 1; /* swapped for another */
        ck_assert_int_eq(row_check_certificate(&fixture.access, &row), REASON_INTEGRITY);
        der[1] ^= 1;
        ((uint8_t *)&row)[field->offset] ^= 1;
        ck_assert_msg(row_check_certificate(&fixture.access, &row) == REASON_INTEGRITY, "%s", field->name);
    }
}
END_TEST

START_TEST(principal_with_any_field_changed_is_refused)
{
    const struct field *field;

    for (EACH_ROW(field, principal_fields)) {
        struct principal_row row = { .name = "alice", .enabled = true };

        ck_assert_int_eq(row_mac_principal(&fixture.access, &row), REASON_NONE);
        ck_assert_int_eq(row_check_principal(&fixture.access, &row), REASON_NONE);
        ((uint8_t *)&row)[field->offset] ^= 1;
        ck_assert_msg(row_check_principal(&fixture.access, &row) == REASON_INTEGRITY, "%s", field->name);
    }
}
END_TEST

START_TEST(sealed_bytes_changed_are_refused)
{
    uint8_t spki[] = { 1, 2, 3 }, sealed[] = { 4, 5 };
    struct access_row access = access_example(sealed, sizeof(sealed));
    struct key_row key = key_example(spki, sizeof(spki), sealed, sizeof(sealed));

    sealed[1] ^= 1;
    ck_assert_int_eq(row_check_access(&fixture.access, &access), REASON_INTEGRITY);
    ck_assert_int_eq(row_check_key(&fixture.access, &key), REASON_INTEGRITY);
    sealed[1] ^= 1;
    spki[0] ^= 1;
    ck_assert_int_eq(row_check_key(&fixture.access, &key), REASON_INTEGRITY);
}
END_TEST

START_TEST(row_of_another_realm_is_refused)
{
    struct token_row row = token_example();

    fixture.access.realm = "elsewhere";
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(row_of_an_older_epoch_is_good_until_that_epoch_is_destroyed)
{
    struct token_row row = token_example();

    fixture.hsm.epoch = 3;
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE);
    fixture.hsm.oldest_epoch = 2;
    fixture.access.believed = (struct believed){ 0 }; /* as the signers that start after the epoch's end */
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(hsm_that_fails_is_not_a_forgery)
{
    struct token_row row = token_example();

    fixture_break_hsm();
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_HSM);
    ck_assert_int_eq(row_mac_token(&fixture.access, &row), REASON_HSM);
}
END_TEST

START_TEST(row_that_the_hsm_has_confirmed_is_not_asked_about_again)
{
    struct token_row row = token_example();
    unsigned calls = fixture.hsm.calls;

    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE); /* made here */
    ck_assert_uint_eq(fixture.hsm.calls, calls);
    fixture.access.believed = (struct believed){ 0 };
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE);
    ck_assert_uint_eq(fixture.hsm.calls, calls + 1);
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE); /* confirmed here */
    ck_assert_uint_eq(fixture.hsm.calls, calls + 1);
}
END_TEST

START_TEST(refused_row_is_refused_again)
{
    struct token_row row = token_example();

    row.locked = true;
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(mac_of_one_row_makes_no_other_believed)
{
    struct token_row row = token_example(), other = token_example();

    other.locked = true;
    ck_assert_int_eq(row_mac_token(&fixture.access, &other), REASON_NONE);
    memcpy(row.mac, other.mac, HASH_LEN);
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(row_whose_slot_another_has_taken_is_asked_about)
{
    struct token_row row = token_example();
    unsigned calls;

    memset(&fixture.access.believed, 0x5a, sizeof(fixture.access.believed));
    calls = fixture.hsm.calls;
    ck_assert_int_eq(row_check_token(&fixture.access, &row), REASON_NONE);
    ck_assert_uint_eq(fixture.hsm.calls, calls + 1);
}
END_TEST

START_TEST(attempts_digest_depends_on_every_row_and_their_order)
{
    struct attempt_row rows[2] = { { .id = 1, .token_id = 5 }, { .id = 2, .token_id = 5 } };
    struct attempt_row swapped[2] = { rows[1], rows[0] };
    uint8_t none[HASH_LEN], one[HASH_LEN], both[HASH_LEN], other[HASH_LEN];
    static const uint8_t zero[HASH_LEN];

    ck_assert_int_eq(row_digest_attempts(NULL, 0, none), REASON_NONE);
    ck_assert_mem_eq(none, zero, HASH_LEN);
    ck_assert_int_eq(row_digest_attempts(rows, 1, one), REASON_NONE);
    ck_assert_int_eq(row_digest_attempts(rows, 2, both), REASON_NONE);
    ck_assert_mem_ne(one, both, HASH_LEN);
    ck_assert_int_eq(row_digest_attempts(swapped, 2, other), REASON_NONE);
    ck_assert_mem_ne(other, both, HASH_LEN);
    rows[1].state = ATTEMPT_FAILED;
    ck_assert_int_eq(row_digest_attempts(rows, 2, other), REASON_NONE);
    ck_assert_mem_ne(other, both, HASH_LEN);
}
END_TEST

SUITE_WITH_FIXTURE("row_mac", fixture_setup, fixture_teardown, token_with_any_field_changed_is_refused,
                   mac_with_any_byte_changed_is_refused, access_row_with_any_field_changed_is_refused,
                   key_with_any_field_changed_is_refused, certificate_with_any_field_changed_is_refused,
                   principal_with_any_field_changed_is_refused, sealed_bytes_changed_are_refused,
                   row_of_another_realm_is_refused,
                   row_of_an_older_epoch_is_good_until_that_epoch_is_destroyed,
                   hsm_that_fails_is_not_a_forgery, row_that_the_hsm_has_confirmed_is_not_asked_about_again,
                   refused_row_is_refused_again, mac_of_one_row_makes_no_other_believed,
                   row_whose_slot_another_has_taken_is_asked_about,
                   attempts_digest_depends_on_every_row_and_their_order);
