/* SPDX-License-Identifier: Apache-2.0 */
/* test_token.c - a token's row is believed only when it is ours, and no older than what was seen. */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

START_TEST(unknown_token_looks_like_one_without_a_grant)
{
    struct token_row row;

    ck_assert_int_eq(token_load(&fixture.access, "nobody", &row), REASON_NOT_PERMITTED);
    ck_assert_int_eq(token_reload(&fixture.access, 99, &row), REASON_NOT_PERMITTED);
}
END_TEST

START_TEST(saved_token_comes_back_with_its_next_sequence)
{
    struct token_row row, token = fixture_token("alice");

    token.version = 9;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
    ck_assert_uint_eq(token.sequence, 1);
    ck_assert_int_eq(token_load(&fixture.access, "alice", &row), REASON_NONE);
    ck_assert_uint_eq(row.version, 9);
    ck_assert_uint_eq(row.sequence, 1);
}
END_TEST

START_TEST(second_of_two_writers_is_told_and_changes_nothing)
{
    struct token_row token = fixture_token("alice"), before;
    struct token_row other = token;

    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
    other.version = 77;
    before = other;
    ck_assert_int_eq(token_save(&fixture.access, &other), REASON_BUSY);
    ck_assert_mem_eq(&other, &before, sizeof(before));
    ck_assert_int_eq(token_load(&fixture.access, "alice", &other), REASON_NONE);
    ck_assert_uint_eq(other.version, 1);
}
END_TEST

START_TEST(row_unlocked_by_a_thief_is_refused)
{
    struct token_row token = fixture_token("alice");

    token.locked = true;
    ck_assert_int_eq(token_save(&fixture.access, &token), REASON_NONE);
    fixture_tamper("UPDATE tokens SET locked = 0");
    ck_assert_int_eq(token_load(&fixture.access, "alice", &token), REASON_INTEGRITY);
}
END_TEST

START_TEST(older_row_put_back_is_refused_by_who_saw_the_newer)
{
    struct token_row old = fixture_token("alice"), row = old;
    struct access *other = fixture_open();

    ck_assert_int_eq(token_save(&fixture.access, &row), REASON_NONE);
    ck_assert_int_eq(token_load(&fixture.access, "alice", &row), REASON_NONE);
    ck_assert_int_eq(store_token_update(fixture.access.store, &old, row.sequence), 0);
    ck_assert_int_eq(token_load(&fixture.access, "alice", &row), REASON_INTEGRITY);
    /* Its MAC is right: a signer that never saw the newer cannot tell. */
    ck_assert_int_eq(token_load(other, "alice", &row), REASON_NONE);
    fixture_close(other);
}
END_TEST

START_TEST(own_write_is_seen_once_committed)
{
    struct token_row old = fixture_token("alice"), row = old;

    ck_assert_int_eq(store_begin(fixture.access.store), 0);
    ck_assert_int_eq(token_save(&fixture.access, &row), REASON_NONE);
    ck_assert_int_eq(token_commit(&fixture.access, &row), REASON_NONE);
    ck_assert_int_eq(store_token_update(fixture.access.store, &old, row.sequence), 0);
    ck_assert_int_eq(token_load(&fixture.access, "alice", &row), REASON_INTEGRITY);
}
END_TEST

START_TEST(write_that_was_rolled_back_was_never_seen)
{
    struct token_row row = fixture_token("alice");

    ck_assert_int_eq(store_begin(fixture.access.store), 0);
    ck_assert_int_eq(token_save(&fixture.access, &row), REASON_NONE);
    store_rollback(fixture.access.store);
    ck_assert_int_eq(token_load(&fixture.access, "alice", &row), REASON_NONE);
    ck_assert_uint_eq(row.sequence, 0);
}
END_TEST

START_TEST(token_that_was_given_another_s_id_is_refused)
{
    struct token_row alice = fixture_token("alice"), mallory = fixture_token("mallory");

    ck_assert_int_eq(alice.id, 1);
    fixture_tamper(
        "PRAGMA foreign_keys = OFF; DELETE FROM tokens WHERE name = 'alice'; UPDATE tokens SET id = 1");
    ck_assert_int_eq(token_load(&fixture.access, "mallory", &mallory), REASON_INTEGRITY);
    ck_assert_int_eq(token_reload(&fixture.access, alice.id, &alice), REASON_INTEGRITY);
}
END_TEST

SUITE_WITH_FIXTURE("token", fixture_setup, fixture_teardown, unknown_token_looks_like_one_without_a_grant,
                   saved_token_comes_back_with_its_next_sequence,
                   second_of_two_writers_is_told_and_changes_nothing, row_unlocked_by_a_thief_is_refused,
                   older_row_put_back_is_refused_by_who_saw_the_newer, own_write_is_seen_once_committed,
                   write_that_was_rolled_back_was_never_seen, token_that_was_given_another_s_id_is_refused);
