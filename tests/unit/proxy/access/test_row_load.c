/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_row_load.c - a database that is asked for one row and answers with another, which is ours as well: what whoever owns
 * it can do with a view whose columns are not the same each time they are read.
 */
#include <string.h>

#include "proxy/store/backend.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

static const uint8_t first[KEY_NAME_LEN] = { 1 }, second[KEY_NAME_LEN] = { 2 };

/* What every statement gets in place of its parameter @place, if that is of the same kind. */
static struct {
    bool is_told;
    size_t place;
    struct value instead;
} lie;

static int run_lying(struct store *store, const char *sql, struct values parameters, store_row_fn *on_row,
                     void *arg, size_t *ret_changed)
{
    struct value room[8];

    if (lie.is_told && lie.place < parameters.count && parameters.items[lie.place].kind == lie.instead.kind) {
        ck_assert_uint_le(parameters.count, sizeof(room) / sizeof(room[0]));
        memcpy(room, parameters.items, parameters.count * sizeof(room[0]));
        room[lie.place] = lie.instead;
        parameters.items = room;
    }
    return store_sqlite_ops.run(store, sql, parameters, on_row, arg, ret_changed);
}

static struct store_ops lying_ops;

static void setup(void)
{
    fixture_setup();
    lie.is_told = false;
    lying_ops = *fixture.access.store->ops;
    lying_ops.run = run_lying;
    fixture.access.store->ops = &lying_ops;
}

/* @value borrows its bytes from the case. */
static void tell_lie(size_t place, struct value value)
{
    lie.is_told = true;
    lie.place = place;
    lie.instead = value;
}

static void add_access(enum access_kind kind)
{
    struct access_row row = { .token_id = 1, .kind = kind, .version = 1 };

    ck_assert_int_eq(row_mac_access(&fixture.access, &row), REASON_NONE);
    ck_assert_int_eq(store_access_insert(fixture.access.store, &row), 0);
}

static void add_key(const uint8_t name[KEY_NAME_LEN])
{
    struct key_row key = { .token_id = 1 };
    struct certificate_row certificate = { .token_id = 1 };

    memcpy(key.name, name, KEY_NAME_LEN);
    memcpy(certificate.key_name, name, KEY_NAME_LEN);
    buffer_append_u8(&key.cka_id, name[0]);
    ck_assert_int_eq(row_mac_key(&fixture.access, &key), REASON_NONE);
    ck_assert_int_eq(store_key_insert(fixture.access.store, &key), 0);
    ck_assert_int_eq(row_mac_certificate(&fixture.access, &certificate), REASON_NONE);
    ck_assert_int_eq(store_certificate_put(fixture.access.store, &certificate), 0);
    key_row_clear(&key);
}

START_TEST(token_that_was_not_asked_for_is_refused)
{
    struct token_row alice = fixture_token("alice"), bob = fixture_token("robert");

    tell_lie(0, value_text("alice"));
    ck_assert_int_eq(token_load(&fixture.access, "alice", &alice), REASON_NONE);
    ck_assert_int_eq(token_load(&fixture.access, "robert", &bob), REASON_INTEGRITY);
    tell_lie(0, value_integer(alice.id));
    ck_assert_int_eq(token_reload(&fixture.access, alice.id, &alice), REASON_NONE);
    ck_assert_int_eq(token_reload(&fixture.access, bob.id, &bob), REASON_INTEGRITY);
}
END_TEST

START_TEST(principal_that_was_not_asked_for_is_refused)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7),
                  bob = fixture_caller("bob", ROLE_DEVICE, 8);

    tell_lie(0, value_text("alice"));
    ck_assert_int_eq(principal_load(&fixture.access, "alice", &alice.principal), REASON_NONE);
    ck_assert_int_eq(principal_load(&fixture.access, "bob", &bob.principal), REASON_INTEGRITY);
}
END_TEST

START_TEST(certificate_that_is_found_at_somebody_else_is_nobodys)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7),
                  bob = fixture_caller("bob", ROLE_DEVICE, 8);
    struct caller found;

    tell_lie(0, value_blob(BYTES_OF_ARRAY(alice.certificate_hash)));
    ck_assert_int_eq(
        identity_find(&fixture.access, BYTES_OF_ARRAY(bob.certificate_hash), FIXTURE_NOW_MS, &found),
        REASON_NONE);
    ck_assert(!found.is_known);
}
END_TEST

START_TEST(group_that_was_not_asked_for_is_refused)
{
    struct group_row payroll, others;

    ck_assert_int_eq(group_add(&fixture.access, "payroll", FIXTURE_NOW_MS, &payroll), REASON_NONE);
    ck_assert_int_eq(group_add(&fixture.access, "others", FIXTURE_NOW_MS, &others), REASON_NONE);
    tell_lie(0, value_text("payroll"));
    ck_assert_int_eq(group_load(&fixture.access, "payroll", &payroll), REASON_NONE);
    ck_assert_int_eq(group_load(&fixture.access, "others", &others), REASON_INTEGRITY);
}
END_TEST

START_TEST(issued_certificate_that_was_not_asked_for_is_refused)
{
    struct issued_row one = { .serial = { 1 } }, two = { .serial = { 2 } }, found;

    ck_assert_int_eq(issued_insert(&fixture.access, &one), REASON_NONE);
    ck_assert_int_eq(issued_insert(&fixture.access, &two), REASON_NONE);
    tell_lie(0, value_blob(BYTES_OF_ARRAY(one.serial)));
    ck_assert_int_eq(issued_load(&fixture.access, one.serial, &found), REASON_NONE);
    ck_assert_int_eq(issued_load(&fixture.access, two.serial, &found), REASON_INTEGRITY);
}
END_TEST

START_TEST(authority_that_was_not_asked_for_is_refused)
{
    struct authority_row row;

    ck_assert_int_eq(authority_load(&fixture.access, AUTHORITY_DEVICE, &row), REASON_NONE);
    ck_assert_int_eq(authority_load(&fixture.access, AUTHORITY_DOCUMENT, &row), REASON_NONE);
    tell_lie(0, value_integer(AUTHORITY_DEVICE));
    ck_assert_int_eq(authority_load(&fixture.access, AUTHORITY_DOCUMENT, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(way_of_recovery_is_no_pin)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };

    fixture_token("alice");
    add_access(ACCESS_RECOVERY);
    ck_assert_int_eq(row_load_access(&fixture.access, 1, ACCESS_PIN, &row), REASON_NOT_FOUND);
    tell_lie(1, value_integer(ACCESS_RECOVERY));
    ck_assert_int_eq(row_load_access(&fixture.access, 1, ACCESS_RECOVERY, &row), REASON_NONE);
    ck_assert_int_eq(row_load_access(&fixture.access, 1, ACCESS_PIN, &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(key_and_certificate_of_another_name_are_refused)
{
    CLEANUP(certificate_row_clear) struct certificate_row certificate = { 0 };
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    fixture_token("alice");
    add_key(first);
    add_key(second);
    tell_lie(1, value_blob(BYTES_OF_ARRAY(first)));
    ck_assert_int_eq(row_load_key(&fixture.access, 1, first, &key), REASON_NONE);
    key_row_clear(&key);
    ck_assert_int_eq(row_load_key(&fixture.access, 1, second, &key), REASON_INTEGRITY);
    ck_assert_int_eq(row_load_certificate(&fixture.access, 1, first, &certificate), REASON_NONE);
    certificate_row_clear(&certificate);
    ck_assert_int_eq(row_load_certificate(&fixture.access, 1, second, &certificate), REASON_INTEGRITY);
}
END_TEST

START_TEST(rows_of_another_token_are_refused)
{
    CLEANUP(certificate_row_clear) struct certificate_row certificate = { 0 };
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    fixture_token("alice");
    add_access(ACCESS_PIN);
    add_key(first);
    tell_lie(0, value_integer(1));
    ck_assert_int_eq(row_load_access(&fixture.access, 2, ACCESS_PIN, &row), REASON_INTEGRITY);
    ck_assert_int_eq(row_load_key(&fixture.access, 2, first, &key), REASON_INTEGRITY);
    ck_assert_int_eq(row_load_certificate(&fixture.access, 2, first, &certificate), REASON_INTEGRITY);
}
END_TEST

SUITE_WITH_FIXTURE("row_load", setup, fixture_teardown, token_that_was_not_asked_for_is_refused,
                   principal_that_was_not_asked_for_is_refused,
                   certificate_that_is_found_at_somebody_else_is_nobodys,
                   group_that_was_not_asked_for_is_refused,
                   issued_certificate_that_was_not_asked_for_is_refused,
                   authority_that_was_not_asked_for_is_refused, way_of_recovery_is_no_pin,
                   key_and_certificate_of_another_name_are_refused, rows_of_another_token_are_refused);
