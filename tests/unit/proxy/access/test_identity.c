/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c - who a certificate makes one, and who it no longer does. */
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

static struct caller find(uint8_t number)
{
    uint8_t hash[HASH_LEN];
    struct caller caller;

    memset(hash, number, sizeof(hash));
    ck_assert_int_eq(identity_find(&fixture.access, BYTES_OF_ARRAY(hash), FIXTURE_NOW_MS, &caller),
                     REASON_NONE);
    ck_assert_mem_eq(caller.certificate_hash, hash, HASH_LEN);
    return caller;
}

static void ck_assert_unknown(const struct caller *caller)
{
    ck_assert(!caller->is_known);
    ck_assert_int_eq(caller->principal.id, 0);
    ck_assert_int_eq(caller->certificate.role, ROLE_NONE);
}

START_TEST(registered_certificate_is_known)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7), found = find(7);

    ck_assert(found.is_known);
    ck_assert_int_eq(found.principal.id, alice.principal.id);
    ck_assert_str_eq(found.principal.name, "alice");
    ck_assert_int_eq(found.certificate.role, ROLE_DEVICE);
}
END_TEST

START_TEST(foreign_certificate_is_unknown)
{
    struct caller found = find(8);

    ck_assert_unknown(&found);
}
END_TEST

START_TEST(no_certificate_is_unknown)
{
    struct caller found = { .is_known = true };

    ck_assert_int_eq(identity_find(&fixture.access, BYTES_NONE, FIXTURE_NOW_MS, &found), REASON_NONE);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(truncated_hash_is_unknown)
{
    struct caller found, alice = fixture_caller("alice", ROLE_DEVICE, 7);

    ck_assert_int_eq(
        identity_find(&fixture.access, BYTES(alice.certificate_hash, HASH_LEN - 1), FIXTURE_NOW_MS, &found),
        REASON_NONE);
    ck_assert_unknown(&found);
}
END_TEST

/* A second certificate of @caller's principal, revoked: its hash is @number repeated. */
static void add_revoked(struct caller *caller, uint8_t number)
{
    struct principal_certificate_row revoked = { .role = ROLE_DEVICE,
                                                 .not_after_ms = FIXTURE_NOW_MS + 86400000,
                                                 .revoked = true };

    memset(revoked.hash, number, HASH_LEN);
    ck_assert_int_eq(principal_add_certificate(&fixture.access, &caller->principal, &revoked), REASON_NONE);
}

START_TEST(revoked_certificate_is_unknown)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7), found;

    add_revoked(&alice, 8);
    found = find(8);
    ck_assert_unknown(&found);
    ck_assert(find(7).is_known);
}
END_TEST

/* A connection may last longer than the certificate that it was made with. */
START_TEST(certificate_that_is_over_is_unknown)
{
    struct caller found, alice = fixture_caller("alice", ROLE_DEVICE, 7);
    int64_t end_ms = alice.certificate.not_after_ms;

    ck_assert_int_eq(
        identity_find(&fixture.access, BYTES_OF_ARRAY(alice.certificate_hash), end_ms - 1, &found),
        REASON_NONE);
    ck_assert(found.is_known);
    ck_assert_int_eq(identity_find(&fixture.access, BYTES_OF_ARRAY(alice.certificate_hash), end_ms, &found),
                     REASON_NONE);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(certificate_of_disabled_principal_is_unknown)
{
    struct caller found, alice = fixture_caller("alice", ROLE_DEVICE, 7);

    fixture_enable(&alice, false);
    found = find(7);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(certificate_without_role_is_unknown)
{
    struct caller found = fixture_caller("alice", ROLE_NONE, 7);

    ck_assert_unknown(&found);
}
END_TEST

/* ------------------------------------------------------------------------------ who writes to the database */

/* Both alice's certificates; they are people, not data. */
static void ck_assert_not_believed(uint8_t number)
{
    uint8_t hash[HASH_LEN];
    struct caller caller;

    memset(hash, number, sizeof(hash));
    ck_assert_int_eq(identity_find(&fixture.access, BYTES_OF_ARRAY(hash), FIXTURE_NOW_MS, &caller),
                     REASON_INTEGRITY);
    ck_assert_unknown(&caller);
    ck_assert_mem_eq(caller.certificate_hash, hash, HASH_LEN);
}

static const char *const forgeries[] = {
    "UPDATE principal_certificates SET role = 3 WHERE hash = x'0707070707070707070707070707070707070707"
    "070707070707070707070707'", /* a device made an operator */
    "UPDATE principal_certificates SET revoked = 0",
    "UPDATE principal_certificates SET not_after_ms = not_after_ms + 1",
    "UPDATE principal_certificates SET hash = zeroblob(32) WHERE revoked = 1",
    "DELETE FROM principal_certificates WHERE revoked = 1",
    "INSERT INTO principal_certificates VALUES (zeroblob(32), 1, 3, 0, 0, '', 0, zeroblob(32))",
    "UPDATE principals SET name = 'operator' WHERE id = 1",
    "UPDATE principals SET enabled = 1 - enabled",
    "UPDATE principals SET created_ms = 1",
    "UPDATE principals SET sequence = sequence + 1",
    "UPDATE principals SET certificates = zeroblob(32)",
    "UPDATE principals SET mac = zeroblob(32)",
};

START_TEST(principal_whose_rows_were_altered_is_not_believed)
{
    const char *const *forgery;
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7);

    add_revoked(&alice, 8);
    fixture_tamper("CREATE TABLE p AS SELECT * FROM principals;"
                   "CREATE TABLE c AS SELECT * FROM principal_certificates");
    for (EACH_ROW(forgery, forgeries)) {
        fixture_tamper(*forgery);
        ck_assert_not_believed(7);
        fixture_tamper(
            "DELETE FROM principals; INSERT INTO principals SELECT * FROM p;"
            "DELETE FROM principal_certificates; INSERT INTO principal_certificates SELECT * FROM c");
        ck_assert(find(7).is_known);
    }
}
END_TEST

START_TEST(certificate_moved_to_another_principal_spoils_both)
{
    fixture_caller("alice", ROLE_DEVICE, 7);
    fixture_caller("root", ROLE_OPERATOR, 8);
    fixture_tamper("UPDATE principal_certificates SET principal_id = 2 WHERE principal_id = 1");
    ck_assert_not_believed(7);
    ck_assert_not_believed(8);
}
END_TEST

START_TEST(principals_that_traded_places_are_not_believed)
{
    fixture_caller("alice", ROLE_DEVICE, 7);
    fixture_caller("root", ROLE_OPERATOR, 8);
    fixture_tamper("PRAGMA foreign_keys = OFF;"
                   "UPDATE principals SET id = 3 - id + 100; UPDATE principals SET id = id - 100;"
                   "UPDATE principal_certificates SET principal_id = 3 - principal_id");
    ck_assert_not_believed(7);
    ck_assert_not_believed(8);
}
END_TEST

/* Whose rows others name by its id: a newcomer, who has none yet, would have all that somebody else was granted. */
START_TEST(newcomer_who_was_given_another_s_id_is_not_believed)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7);
    struct principal_row mallory;

    ck_assert_int_eq(principal_find(&fixture.access, "mallory", true, FIXTURE_NOW_MS, &mallory), REASON_NONE);
    fixture_tamper("PRAGMA foreign_keys = OFF; DELETE FROM principal_certificates;"
                   "DELETE FROM principals WHERE name = 'alice'; UPDATE principals SET id = 1");
    ck_assert_int_eq(alice.principal.id, 1);
    ck_assert_int_eq(principal_load(&fixture.access, "mallory", &mallory), REASON_INTEGRITY);
}
END_TEST

START_TEST(certificate_is_not_added_to_rows_that_were_altered)
{
    struct principal_certificate_row more = { .role = ROLE_DEVICE };
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7);

    fixture_tamper("UPDATE principal_certificates SET role = 3");
    ck_assert_int_eq(principal_add_certificate(&fixture.access, &alice.principal, &more), REASON_INTEGRITY);
    ck_assert_not_believed(7);
}
END_TEST

START_TEST(older_rows_put_back_are_refused_by_who_saw_the_newer)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7);
    struct access *other = fixture_open();
    struct caller found;

    fixture_tamper("CREATE TABLE old AS SELECT * FROM principals");
    fixture_enable(&alice, false);
    found = find(7);
    ck_assert_unknown(&found);
    fixture_tamper(
        "UPDATE principals SET (enabled, sequence, mac) = (SELECT enabled, sequence, mac FROM old)");
    ck_assert_not_believed(7);
    /* Who had not looked cannot know. */
    ck_assert_int_eq(identity_find(other, BYTES_OF_ARRAY(alice.certificate_hash), FIXTURE_NOW_MS, &found),
                     REASON_NONE);
    ck_assert(found.is_known);
    fixture_close(other);
}
END_TEST

START_TEST(hsm_that_fails_is_not_a_forgery)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 7), found;

    fixture_break_hsm();
    ck_assert_int_eq(
        identity_find(&fixture.access, BYTES_OF_ARRAY(alice.certificate_hash), FIXTURE_NOW_MS, &found),
        REASON_HSM);
    ck_assert_unknown(&found);
}
END_TEST

SUITE_WITH_FIXTURE("identity", fixture_setup, fixture_teardown, registered_certificate_is_known,
                   foreign_certificate_is_unknown, no_certificate_is_unknown, truncated_hash_is_unknown,
                   revoked_certificate_is_unknown, certificate_that_is_over_is_unknown,
                   certificate_of_disabled_principal_is_unknown, certificate_without_role_is_unknown,
                   principal_whose_rows_were_altered_is_not_believed,
                   certificate_moved_to_another_principal_spoils_both,
                   principals_that_traded_places_are_not_believed,
                   newcomer_who_was_given_another_s_id_is_not_believed,
                   certificate_is_not_added_to_rows_that_were_altered,
                   older_rows_put_back_are_refused_by_who_saw_the_newer, hsm_that_fails_is_not_a_forgery);
