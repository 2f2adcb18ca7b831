/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token's policy forbids is refused by the signer whatever the client says; groups and grants; the end of a user.
 */
#include <string.h>
#include <sqlite3.h>

#include "include/table.h"
#include "proto/pack.h"
#include "proto/token_policy.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
}

static void teardown(void)
{
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static CK_RV operate(enum method_id method, const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    *ret = NULL;
    return deployment_operate(&deployment.operator_, method, request, ret, &error);
}

static void operate_well(enum method_id method, const ProtobufCMessage *request)
{
    ProtobufCMessage *reply;
    CK_RV rv = operate(method, request, &reply);

    ck_assert_msg(rv == CKR_OK, "%s: %s", method_by_id(method)->name, error.detail);
    protobuf_c_message_free_unpacked(reply, NULL);
}

/* "max_signatures" "2" ... of alice's token, and time for leases to hear of it. */
static void set_policy(const char *key, const char *value)
{
    Privyseal__V1__SetPolicyRequest request = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;
    Privyseal__V1__TokenPolicy message = PRIVYSEAL__V1__TOKEN_POLICY__INIT;
    struct token_policy policy = { 0 };
    char *set[] = { (char *)key };
    const char *expected;

    ck_assert_int_eq(token_policy_set(&policy, key, value, &expected), 0);
    token_policy_to_message(&policy, &message);
    request.user = "alice";
    request.policy = &message;
    request.set = set;
    request.n_set = 1;
    operate_well(METHOD_SetPolicy, &request.base);
    deployment_wait(6000);
}

static void log_in(void)
{
    CK_RV rv = remote_token_login(token, PIN, &error);

    ck_assert_msg(rv == CKR_OK, "login: %s", error.detail);
}

static CK_RV generate(CK_KEY_TYPE type, unsigned bits, Privyseal__V1__KeyUsage usage,
                      uint8_t name[KEY_NAME_LEN])
{
    return remote_token_generate(
        token, &(struct remote_new_key){ .type = type, .bits = bits, .usage = usage }, name, &error);
}

static void make_key(uint8_t name[KEY_NAME_LEN])
{
    ck_assert_uint_eq(generate(CKK_EC, 256, PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN, name), CKR_OK);
}

static CK_RV sign_as(struct remote_token *who, const uint8_t name[KEY_NAME_LEN])
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    static const uint8_t digest[HASH_LEN] = { 7 };
    const struct remote_sign request = { .key_name = BYTES(name, KEY_NAME_LEN),
                                         .raw = CKM_ECDSA,
                                         .hash = CKM_SHA256,
                                         .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(who, &request, &signature, &error);
}

static CK_RV sign(const uint8_t name[KEY_NAME_LEN])
{
    return sign_as(token, name);
}

static bool lists_mechanism(CK_MECHANISM_TYPE type)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;

    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    for (size_t i = 0; i < snapshot->content->n_mechanism; i++)
        if (snapshot->content->mechanism[i] == type)
            return true;
    return false;
}

/* ---------------------------------------------------------------------------------------------------- policy */

START_TEST(mechanism_that_is_not_allowed_is_neither_listed_nor_done)
{
    uint8_t name[KEY_NAME_LEN];

    log_in();
    make_key(name);
    ck_assert(lists_mechanism(CKM_ECDSA));
    set_policy("mechanisms", "RSA_PKCS_PSS");
    ck_assert(!lists_mechanism(CKM_ECDSA));
    ck_assert(lists_mechanism(CKM_RSA_PKCS_PSS));
    ck_assert_uint_eq(sign(name), CKR_MECHANISM_INVALID);
    ck_assert_int_eq(error.failure.reason, REASON_POLICY_MECHANISM);
    ck_assert_uint_eq(deployment_records("POLICY_MECHANISM"), 1);
    set_policy("mechanisms", "RSA_PKCS_PSS+ECDSA");
    ck_assert_uint_eq(sign(name), CKR_OK);
}
END_TEST

START_TEST(after_so_many_signatures_the_pin_is_asked_for_again)
{
    uint8_t name[KEY_NAME_LEN];

    set_policy("max_signatures", "2");
    log_in();
    make_key(name);
    ck_assert_uint_eq(sign(name), CKR_OK);
    ck_assert_uint_eq(sign(name), CKR_OK);
    ck_assert_uint_eq(sign(name), CKR_USER_NOT_LOGGED_IN);
    ck_assert_int_eq(error.failure.reason, REASON_POLICY_SPENT);
    ck_assert(!remote_token_is_logged_in(token));
    log_in();
    ck_assert_uint_eq(sign(name), CKR_OK);
}
END_TEST

START_TEST(token_that_always_authenticates_signs_nothing_under_a_lease)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    uint8_t name[KEY_NAME_LEN];

    log_in();
    make_key(name);
    set_policy("always_authenticate", "yes");
    ck_assert_uint_eq(sign(name), CKR_USER_NOT_LOGGED_IN);
    ck_assert_int_eq(error.failure.reason, REASON_CONSENT_REQUIRED);
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    ck_assert(snapshot->content->key[0]->always_authenticate);
}
END_TEST

START_TEST(lease_ends_after_the_idle_time_of_its_token)
{
    set_policy("idle_ms", "1000");
    log_in();
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_WRAPPED].leases), 1);
    deployment_wait(1500);
    leases_sweep(deployment.service[SIGNER_WRAPPED].leases, INT64_C(1) << 60, 0); /* what is over is over */
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_WRAPPED].leases), 0);
}
END_TEST

START_TEST(keys_that_may_only_sign_are_made_for_nothing_else)
{
    uint8_t name[KEY_NAME_LEN];

    set_policy("decrypt", "no");
    log_in();
    ck_assert_uint_eq(generate(CKK_RSA, 2048, PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT, name),
                      CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_int_eq(error.failure.reason, REASON_POLICY_USAGE);
    ck_assert_uint_eq(generate(CKK_EC, 256, PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE, name),
                      CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert(!lists_mechanism(CKM_ECDH1_DERIVE));
    ck_assert(!lists_mechanism(CKM_RSA_PKCS_OAEP));
    make_key(name);
}
END_TEST

START_TEST(key_is_made_with_a_permit_and_uses_it_up)
{
    uint8_t name[KEY_NAME_LEN];
    struct token_row row;

    set_policy("keys_need_permit", "yes");
    log_in();
    ck_assert_uint_eq(generate(CKK_EC, 256, PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN, name),
                      CKR_ACTION_PROHIBITED);
    ck_assert_int_eq(error.failure.reason, REASON_POLICY_PERMIT);
    ck_assert_int_eq(token_load(&deployment.service[SIGNER_WRAPPED].access, "alice", &row), REASON_NONE);
    row.policy.key_permits = 1;
    ck_assert_int_eq(token_save(&deployment.service[SIGNER_WRAPPED].access, &row), REASON_NONE);
    make_key(name);
    ck_assert_uint_eq(generate(CKK_EC, 256, PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN, name),
                      CKR_ACTION_PROHIBITED);
}
END_TEST

/* Executes SQL as somebody with the database and nothing else. */
static void write_database(const char *sql)
{
    char path[160];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

START_TEST(policy_that_was_loosened_in_the_database_is_not_believed)
{
    set_policy("decrypt", "no");
    log_in();
    remote_token_logout(token);
    deployment_wait(10000);
    write_database("UPDATE tokens SET no_decrypt = 0 WHERE name = 'alice'");
    ck_assert_uint_ne(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_ge(deployment_records("INTEGRITY"), 1);
}
END_TEST

/* ------------------------------------------------------------------------------------------ groups and grants */

static void add_group(const char *name)
{
    Privyseal__V1__AddGroupRequest request = PRIVYSEAL__V1__ADD_GROUP_REQUEST__INIT;

    request.group = (char *)name;
    operate_well(METHOD_AddGroup, &request.base);
}

static void change_member(const char *group, const char *user, bool remove)
{
    Privyseal__V1__ChangeMembersRequest request = PRIVYSEAL__V1__CHANGE_MEMBERS_REQUEST__INIT;
    char *users[] = { (char *)user };

    request.group = (char *)group;
    request.user = users;
    request.n_user = 1;
    request.remove = remove;
    operate_well(METHOD_ChangeMembers, &request.base);
}

static void grant_group(const char *group, const char *principal, unsigned bits)
{
    Privyseal__V1__SetGrantRequest request = PRIVYSEAL__V1__SET_GRANT_REQUEST__INIT;

    request.group = (char *)group;
    request.principal = (char *)principal;
    request.bits = bits;
    operate_well(METHOD_SetGrant, &request.base);
}

static void register_application(const char *principal, const struct person *person)
{
    Privyseal__V1__AddCertificateRequest request = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    unsigned char *der = NULL;
    int len = i2d_X509(sk_X509_value(person->chain, 0), &der);

    request.principal = (char *)principal;
    request.role = "application";
    request.der = pack_borrow(BYTES(der, (size_t)len));
    operate_well(METHOD_AddCertificate, &request.base);
    OPENSSL_free(der);
}

static size_t count_listed(struct remote *who)
{
    char **names = NULL;
    size_t count = 0;

    ck_assert_uint_eq(remote_list_tokens(who, &names, &count, &error), CKR_OK);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return count;
}

/* max_signatures=2 for the members of a group. */
static CK_RV set_group_policy(const char *group, Privyseal__V1__SetPolicyResponse **ret)
{
    Privyseal__V1__SetPolicyRequest request = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;
    Privyseal__V1__TokenPolicy message = PRIVYSEAL__V1__TOKEN_POLICY__INIT;
    struct token_policy policy = { .max_signatures = 2 };
    char *set[] = { (char *)"max_signatures" };
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    token_policy_to_message(&policy, &message);
    request.group = (char *)group;
    request.policy = &message;
    request.set = set;
    request.n_set = 1;
    rv = operate(METHOD_SetPolicy, &request.base, &reply);
    *ret = (Privyseal__V1__SetPolicyResponse *)reply;
    return rv;
}

static uint32_t max_signatures(const char *user)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    ProtobufCMessage *reply;
    uint32_t most;

    request.user = (char *)user;
    ck_assert_uint_eq(operate(METHOD_ShowUser, &request.base, &reply), CKR_OK);
    most = ((Privyseal__V1__ShowUserResponse *)reply)->policy->max_signatures;
    protobuf_c_message_free_unpacked(reply, NULL);
    return most;
}

static void add_member(const char *name)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;

    request.user = (char *)name;
    request.custody = PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED;
    operate_well(METHOD_AddUser, &request.base);
    change_member("payroll", name, false);
}

START_TEST(policy_of_a_group_is_that_of_its_members_and_of_nobody_else)
{
    Privyseal__V1__SetPolicyResponse *answer;

    add_group("payroll");
    add_member("ben");
    add_member("cora");
    ck_assert_uint_eq(set_group_policy("payroll", &answer), CKR_OK);
    ck_assert_uint_eq(answer->members, 2);
    ck_assert_str_eq(answer->last, "cora");
    ck_assert(!answer->more);
    protobuf_c_message_free_unpacked(&answer->base, NULL);
    ck_assert_uint_eq(max_signatures("ben"), 2);
    ck_assert_uint_eq(max_signatures("cora"), 2);
    ck_assert_uint_eq(max_signatures("alice"), 0);
}
END_TEST

/* Into the list of members, and not into the token's row: else the operator's next lax policy would be alice's, too. */
START_TEST(policy_of_a_group_is_not_that_of_whom_the_database_put_into_it)
{
    Privyseal__V1__SetPolicyResponse *answer;

    add_group("payroll");
    add_member("ben");
    write_database(
        "INSERT INTO group_members (group_id, token_id) SELECT g.id, t.id FROM token_groups g, tokens t"
        " WHERE g.name = 'payroll' AND t.name = 'alice'");
    ck_assert_uint_ne(set_group_policy("payroll", &answer), CKR_OK);
    ck_assert_uint_eq(max_signatures("alice"), 0);
    ck_assert_uint_eq(max_signatures("ben"), 0);
}
END_TEST

START_TEST(policy_of_a_group_that_there_is_not_is_refused)
{
    Privyseal__V1__SetPolicyResponse *answer;

    ck_assert_uint_ne(set_group_policy("payroll", &answer), CKR_OK);
}
END_TEST

START_TEST(application_uses_the_tokens_of_its_group_and_no_longer_than_they_are_in_it)
{
    struct remote *server;
    struct remote_token *seen = NULL;
    uint8_t name[KEY_NAME_LEN];

    log_in();
    make_key(name);
    register_application("server", &deployment.mallory);
    server = deployment_remote(&deployment.mallory);
    ck_assert_int_eq(remote_token_new(server, "alice", &seen), 0);
    ck_assert_uint_ne(remote_token_login(seen, PIN, &error), CKR_OK);
    ck_assert_uint_eq(count_listed(server), 0);

    add_group("payroll");
    grant_group("payroll", "server", GRANT_SEE | GRANT_SIGN);
    change_member("payroll", "alice", false);
    ck_assert_uint_eq(count_listed(server), 1);
    ck_assert_uint_eq(remote_token_login(seen, PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign_as(seen, name), CKR_OK);

    change_member("payroll", "alice", true);
    deployment_wait(6000);
    ck_assert_uint_ne(sign_as(seen, name), CKR_OK);
    ck_assert_uint_eq(count_listed(server), 0);
    remote_token_free(seen);
    remote_free(server);
}
END_TEST

START_TEST(grant_on_a_group_can_be_taken_back)
{
    struct remote *server;
    struct remote_token *seen = NULL;

    register_application("server", &deployment.mallory);
    server = deployment_remote(&deployment.mallory);
    ck_assert_int_eq(remote_token_new(server, "alice", &seen), 0);
    add_group("payroll");
    change_member("payroll", "alice", false);
    grant_group("payroll", "server", GRANT_SEE | GRANT_SIGN);
    ck_assert_uint_eq(remote_token_login(seen, PIN, &error), CKR_OK);
    remote_token_logout(seen);
    deployment_wait(10000);
    grant_group("payroll", "server", 0);
    ck_assert_uint_ne(remote_token_login(seen, PIN, &error), CKR_OK);
    remote_token_free(seen);
    remote_free(server);
}
END_TEST

START_TEST(writer_of_the_database_grants_himself_nothing)
{
    static const char *const attempts[] = {
        "INSERT INTO grants (principal_id, token_id, bits) SELECT p.id, t.id, 7 FROM principals p, tokens t"
        " WHERE p.name = 'server' AND t.name = 'alice'",
        "INSERT INTO group_members (group_id, token_id) SELECT g.id, t.id FROM token_groups g, tokens t"
        " WHERE g.name = 'servers' AND t.name = 'alice'",
        "DELETE FROM group_members; INSERT INTO group_grants (principal_id, group_id, bits)"
        " SELECT p.id, g.id, 7 FROM principals p, token_groups g WHERE p.name = 'server' AND g.name = "
        "'others'",
        "INSERT INTO group_members (group_id, token_id) SELECT g.id, t.id FROM token_groups g, tokens t"
        " WHERE g.name = 'others' AND t.name = 'alice'",
    };
    struct remote *server;
    const char *const *sql;

    register_application("server", &deployment.mallory);
    server = deployment_remote(&deployment.mallory);
    add_group("servers"); /* the server's, and alice is not in it */
    grant_group("servers", "server", GRANT_ALL);
    add_group("others");
    for (EACH_ROW(sql, attempts)) {
        struct remote_token *seen = NULL;

        write_database(*sql);
        ck_assert_int_eq(remote_token_new(server, "alice", &seen), 0);
        ck_assert_uint_ne(remote_token_login(seen, PIN, &error), CKR_OK);
        remote_token_free(seen);
    }
    remote_free(server);
}
END_TEST

/* --------------------------------------------------------------------------------------------- the end of a user */

static void delete_user(const char *user)
{
    Privyseal__V1__DeleteUserRequest request = PRIVYSEAL__V1__DELETE_USER_REQUEST__INIT;

    request.user = (char *)user;
    operate_well(METHOD_DeleteUser, &request.base);
}

START_TEST(deleted_user_is_gone_and_the_name_inherits_nothing)
{
    uint8_t name[KEY_NAME_LEN], code[ACTIVATION_CODE_LEN];
    struct remote_token *again = NULL;
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;

    log_in();
    make_key(name);
    delete_user("alice");
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_WRAPPED].leases), 0);
    ck_assert_uint_ne(sign(name), CKR_OK);
    ck_assert_uint_ne(remote_list_tokens(remote, &(char **){ NULL }, &(size_t){ 0 }, &error), CKR_OK);

    deployment_add_user("alice", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(remote_token_new(remote, "alice", &again), 0); /* the old device */
    ck_assert_uint_ne(remote_token_snapshot(again, 0, &snapshot, &error), CKR_OK);
    remote_token_free(again);
    remote_free(remote);
    remote = deployment_remote(&deployment.mallory);
    ck_assert_int_eq(remote_token_new(remote, "alice", &again), 0);
    ck_assert_uint_eq(remote_token_snapshot(again, 0, &snapshot, &error), CKR_OK);
    ck_assert_uint_eq(snapshot->content->n_key, 0);
    ck_assert_uint_eq(snapshot->pin_version, 0);
    ck_assert_uint_ne(remote_token_login(again, PIN, &error), CKR_OK);
    remote_token_free(token);
    token = again;
}
END_TEST

/* Whatever table has a column token_id, of this version or a later one, has no row of a token that was deleted. */
START_TEST(no_row_of_a_deleted_user_stays)
{
    char path[160], sql[256];
    sqlite3_stmt *tables, *rows;
    uint8_t name[KEY_NAME_LEN];
    sqlite3 *db;

    log_in();
    make_key(name);
    add_group("payroll");
    change_member("payroll", "alice", false);
    delete_user("alice");
    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(db,
                           "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
                           " WHERE m.type = 'table' AND c.name = 'token_id' AND m.name <> 'issued'",
                           -1, &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", (const char *)sqlite3_column_text(tables, 0));
        ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(rows), SQLITE_ROW);
        ck_assert_msg(sqlite3_column_int(rows, 0) == 0, "%s", sql);
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(tables);
    sqlite3_close(db);
}
END_TEST

/* ---------------------------------------------------------------------------------------------------- AddUsers */

static const Privyseal__V1__AddUsersResponse *add_users(Privyseal__V1__NewUser **users, size_t count,
                                                        ProtobufCMessage **ret)
{
    Privyseal__V1__AddUsersRequest request = PRIVYSEAL__V1__ADD_USERS_REQUEST__INIT;

    request.user = users;
    request.n_user = count;
    ck_assert_uint_eq(operate(METHOD_AddUsers, &request.base, ret), CKR_OK);
    return (const Privyseal__V1__AddUsersResponse *)*ret;
}

START_TEST(of_many_users_each_is_added_or_said_why_not)
{
    Privyseal__V1__NewUser bob = PRIVYSEAL__V1__NEW_USER__INIT, bad = bob, alice = bob, lost = bob;
    Privyseal__V1__NewUser *users[] = { &bob, &bad, &alice, &lost };
    char *groups[] = { "nowhere" };
    const Privyseal__V1__AddUsersResponse *answer;
    ProtobufCMessage *reply;

    bob.user = "bob";
    bad.user = "co:lon";
    alice.user = "alice";
    alice.custody = PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION;
    lost.user = "lost";
    lost.group = groups;
    lost.n_group = 1;
    answer = add_users(users, ARRAY_SIZE(users), &reply);
    ck_assert_uint_eq(answer->n_user, 4);
    ck_assert_int_eq(answer->user[0]->result, PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED);
    ck_assert_uint_eq(answer->user[0]->activation_code.len, ACTIVATION_CODE_LEN);
    ck_assert_int_eq(answer->user[1]->result, PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED);
    ck_assert_int_eq(answer->user[2]->result, PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_DIFFERS);
    ck_assert_int_eq(answer->user[3]->result, PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED);
    protobuf_c_message_free_unpacked(reply, NULL);

    answer = add_users(users, 1, &reply);
    ck_assert_int_eq(answer->user[0]->result, PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_EXISTS);
    ck_assert_uint_eq(answer->user[0]->activation_code.len, 0);
    protobuf_c_message_free_unpacked(reply, NULL);
}
END_TEST

SUITE_WITH_FIXTURE(
    "loopback policy", setup, teardown, mechanism_that_is_not_allowed_is_neither_listed_nor_done,
    after_so_many_signatures_the_pin_is_asked_for_again,
    token_that_always_authenticates_signs_nothing_under_a_lease, lease_ends_after_the_idle_time_of_its_token,
    keys_that_may_only_sign_are_made_for_nothing_else, key_is_made_with_a_permit_and_uses_it_up,
    policy_that_was_loosened_in_the_database_is_not_believed,
    application_uses_the_tokens_of_its_group_and_no_longer_than_they_are_in_it,
    grant_on_a_group_can_be_taken_back, writer_of_the_database_grants_himself_nothing,
    policy_of_a_group_is_that_of_its_members_and_of_nobody_else,
    policy_of_a_group_is_not_that_of_whom_the_database_put_into_it,
    policy_of_a_group_that_there_is_not_is_refused, deleted_user_is_gone_and_the_name_inherits_nothing,
    no_row_of_a_deleted_user_stays, of_many_users_each_is_added_or_said_why_not);
