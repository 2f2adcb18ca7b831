/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - the table of permissions, against a second one written from the wire's own words. */
#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define SEE  GRANT_SEE
#define SIGN GRANT_SIGN
#define MAKE GRANT_MAKE_KEYS

/* Who may do what: a letter for each role, and the least grant. Whatever is not here is refused. */
static const struct {
    enum permission permission;
    const char *roles; /* d device, a application, o operator, w auditor (watches), f officer */
    unsigned grant;
} allowed[] = {
    { PERM_KNOWN, "daowf", 0 },          { PERM_SEE_TOKENS, "daowf", 0 },    { PERM_SEE_TOKEN, "da", SEE },
    { PERM_USE_TOKEN, "da", SEE },       { PERM_USE_KEY, "da", SEE | SIGN }, { PERM_WATCH, "ow", 0 },
    { PERM_MAKE_KEY, "da", SEE | MAKE }, { PERM_OPERATE, "o", 0 },           { PERM_APPROVE, "of", 0 },
    { PERM_CONTRIBUTE, "f", 0 },
};

static const char role_letters[ROLES] = {
    [ROLE_NONE] = '-',     [ROLE_DEVICE] = 'd',  [ROLE_APPLICATION] = 'a',
    [ROLE_OPERATOR] = 'o', [ROLE_AUDITOR] = 'w', [ROLE_OFFICER] = 'f',
};

static bool is_allowed(enum permission permission, enum role role, unsigned bits)
{
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        if (allowed[i].permission == permission && (allowed[i].grant & bits) == allowed[i].grant)
            for (const char *letter = allowed[i].roles; *letter; letter++)
                if (*letter == role_letters[role])
                    return true;
    return false;
}

START_TEST(every_permission_role_and_grant_is_as_written)
{
    for (int permission = PERM_NOBODY; permission <= PERM_CONTRIBUTE + 1; permission++)
        for (int role = ROLE_NONE; role <= ROLES; role++)
            for (unsigned bits = 0; bits < 8; bits++)
                ck_assert_msg(policy_allows(permission, role, bits) ==
                                  (role < ROLES && is_allowed(permission, role, bits)),
                              "permission %d, role %d, grant %u", permission, role, bits);
}
END_TEST

START_TEST(permission_outside_the_table_is_refused)
{
    ck_assert(!policy_allows((enum permission) - 1, ROLE_OPERATOR, 7));
    ck_assert(!policy_allows((enum permission)1000, ROLE_OPERATOR, 7));
    ck_assert(!policy_allows(PERM_KNOWN, (enum role)40, 7));
}
END_TEST

START_TEST(grant_lets_its_principal_use_its_token_only)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 1);
    struct caller bob = fixture_caller("bob", ROLE_DEVICE, 2);
    struct token_row token = fixture_token("alice"), other = fixture_token("bob");

    fixture_grant(&alice, &token, SEE | SIGN);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_USE_KEY, &token), REASON_NONE);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_MAKE_KEY, &token), REASON_NOT_PERMITTED);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_USE_KEY, &other), REASON_NOT_PERMITTED);
    ck_assert_int_eq(policy_check(&fixture.access, &bob, PERM_SEE_TOKEN, &token), REASON_NOT_PERMITTED);
}
END_TEST

START_TEST(permission_about_a_token_without_one_is_refused)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 1);

    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_USE_TOKEN, NULL), REASON_NOT_PERMITTED);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_SEE_TOKENS, NULL), REASON_NONE);
}
END_TEST

START_TEST(operator_with_a_grant_still_uses_no_token)
{
    struct caller operator= fixture_caller("operator", ROLE_OPERATOR, 1);
    struct token_row token = fixture_token("alice");

    fixture_grant(&operator, & token, SEE | SIGN | MAKE);
    ck_assert_int_eq(policy_check(&fixture.access, &operator, PERM_USE_KEY, &token), REASON_NOT_PERMITTED);
    ck_assert_int_eq(policy_check(&fixture.access, &operator, PERM_OPERATE, NULL), REASON_NONE);
}
END_TEST

START_TEST(disabled_token_is_seen_but_not_used_and_only_by_who_holds_a_grant)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 1);
    struct caller bob = fixture_caller("bob", ROLE_DEVICE, 2);
    struct token_row token = fixture_token("alice");

    fixture_grant(&alice, &token, SEE | SIGN);
    token.enabled = false;
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_SEE_TOKEN, &token), REASON_NONE);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_USE_TOKEN, &token), REASON_DISABLED);
    ck_assert_int_eq(policy_check(&fixture.access, &bob, PERM_USE_TOKEN, &token), REASON_NOT_PERMITTED);
}
END_TEST

START_TEST(unknown_caller_is_refused_whatever_the_row_says)
{
    struct caller caller = fixture_caller("alice", ROLE_DEVICE, 1);

    caller.is_known = false;
    for (int permission = PERM_NOBODY; permission <= PERM_CONTRIBUTE; permission++)
        ck_assert_int_eq(policy_check(&fixture.access, &caller, permission, NULL),
                         permission == PERM_ANYBODY ? REASON_NONE : REASON_NOT_PERMITTED);
}
END_TEST

/* ------------------------------------------------------------------------------ who writes to the database */

START_TEST(grants_that_were_altered_are_nobodys)
{
    static const char *const forgeries[] = {
        "UPDATE grants SET bits = 7",
        "UPDATE grants SET principal_id = 2",
        "INSERT INTO grants (principal_id, token_id, bits) VALUES (2, 1, 7)",
        "DELETE FROM grants",
        "UPDATE grants SET id = id + 1",
        "UPDATE tokens SET grants = zeroblob(32)",
    };
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 1);
    struct caller bob = fixture_caller("bob", ROLE_DEVICE, 2);
    struct token_row token = fixture_token("alice"), row;
    const char *const *forgery;

    fixture_grant(&alice, &token, SEE);
    fixture_tamper("CREATE TABLE g AS SELECT * FROM grants; CREATE TABLE t AS SELECT * FROM tokens");
    for (EACH_ROW(forgery, forgeries)) {
        enum reason reason;

        fixture_tamper(*forgery);
        reason = token_load(&fixture.access, "alice", &row);
        for (int i = 0; reason == REASON_NONE && i < 2; i++)
            reason = policy_check(&fixture.access, i ? &alice : &bob, PERM_SEE_TOKEN, &row);
        ck_assert_msg(reason == REASON_INTEGRITY, "%s", *forgery);
        fixture_tamper("DELETE FROM grants; INSERT INTO grants SELECT * FROM g;"
                       "DELETE FROM tokens; INSERT INTO tokens SELECT * FROM t");
        ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_SEE_TOKEN, &token), REASON_NONE);
        ck_assert_int_eq(policy_check(&fixture.access, &bob, PERM_SEE_TOKEN, &token), REASON_NOT_PERMITTED);
    }
}
END_TEST

START_TEST(grant_that_was_taken_back_is_not_put_back)
{
    struct caller alice = fixture_caller("alice", ROLE_DEVICE, 1);
    struct token_row token = fixture_token("alice");

    fixture_grant(&alice, &token, SEE | SIGN);
    fixture_grant(&alice, &token, 0);
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_SEE_TOKEN, &token), REASON_NOT_PERMITTED);
    fixture_tamper("UPDATE grants SET bits = 3");
    ck_assert_int_eq(policy_check(&fixture.access, &alice, PERM_SEE_TOKEN, &token), REASON_INTEGRITY);
    ck_assert_int_eq(grant_put(&fixture.access, &token, alice.principal.id, SEE), REASON_INTEGRITY);
}
END_TEST

START_TEST(group_that_was_given_another_s_id_is_not_believed)
{
    struct group_row payroll, other;

    ck_assert_int_eq(group_add(&fixture.access, "payroll", FIXTURE_NOW_MS, &payroll), REASON_NONE);
    ck_assert_int_eq(group_add(&fixture.access, "other", FIXTURE_NOW_MS, &other), REASON_NONE);
    ck_assert_int_eq(group_load(&fixture.access, "other", &other), REASON_NONE);
    ck_assert_int_eq(payroll.id, 1);
    fixture_tamper("DELETE FROM token_groups WHERE name = 'payroll'; UPDATE token_groups SET id = 1");
    ck_assert_int_eq(group_load(&fixture.access, "other", &other), REASON_INTEGRITY);
}
END_TEST

SUITE_WITH_FIXTURE("policy", fixture_setup, fixture_teardown, every_permission_role_and_grant_is_as_written,
                   permission_outside_the_table_is_refused, grant_lets_its_principal_use_its_token_only,
                   permission_about_a_token_without_one_is_refused, operator_with_a_grant_still_uses_no_token,
                   disabled_token_is_seen_but_not_used_and_only_by_who_holds_a_grant,
                   unknown_caller_is_refused_whatever_the_row_says, grants_that_were_altered_are_nobodys,
                   grant_that_was_taken_back_is_not_put_back,
                   group_that_was_given_another_s_id_is_not_believed);
