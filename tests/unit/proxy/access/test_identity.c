/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c - who a certificate makes one, and who it no longer does. */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

static struct caller find(uint8_t number)
{
    uint8_t hash[HASH_LEN];
    struct caller caller;

    memset(hash, number, sizeof(hash));
    ck_assert_int_eq(identity_find(&fixture.access, BYTES_OF_ARRAY(hash), &caller), REASON_NONE);
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

    ck_assert_int_eq(identity_find(&fixture.access, BYTES_NONE, &found), REASON_NONE);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(truncated_hash_is_unknown)
{
    struct caller found, alice = fixture_caller("alice", ROLE_DEVICE, 7);

    ck_assert_int_eq(identity_find(&fixture.access, BYTES(alice.certificate_hash, HASH_LEN - 1), &found),
                     REASON_NONE);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(revoked_certificate_is_unknown)
{
    struct caller found;

    fixture_caller("alice", ROLE_DEVICE, 7);
    fixture_tamper("UPDATE principal_certificates SET revoked = 1");
    found = find(7);
    ck_assert_unknown(&found);
}
END_TEST

START_TEST(certificate_of_disabled_principal_is_unknown)
{
    struct caller found, alice = fixture_caller("alice", ROLE_DEVICE, 7);

    ck_assert_int_eq(store_principal_set_enabled(fixture.access.store, alice.principal.id, false), 0);
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

SUITE_WITH_FIXTURE("identity", fixture_setup, fixture_teardown, registered_certificate_is_known,
                   foreign_certificate_is_unknown, no_certificate_is_unknown, truncated_hash_is_unknown,
                   revoked_certificate_is_unknown, certificate_of_disabled_principal_is_unknown,
                   certificate_without_role_is_unknown);
