/* SPDX-License-Identifier: Apache-2.0 */
/* What takes two people: kept, looked at, executed once, in the requester's stead, or not at all. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "proto/dual_class.h"
#include "proto/pack.h"
#include "proxy/service/dual.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

#define HOUR_MS 3600000

static struct person second, officer, spare;
static struct remote_error error;

static void take_two_for(unsigned classes)
{
    for (unsigned i = 0; i < SIGNERS; i++) {
        deployment.config[i].two_for = classes;
        deployment.config[i].request_hours = 24;
    }
}

/* A second operator and an officer, and somebody nobody knows yet. From then on enrolling takes two. */
static void setup(void)
{
    deployment_setup();
    deployment_person(&second, "/CN=second");
    deployment_person(&officer, "/CN=officer");
    deployment_person(&spare, "/CN=spare");
    deployment_register("second", "operator", &second);
    deployment_register("officer", "officer", &officer);
    take_two_for(DUAL_BIT(DUAL_ENROL));
}

static void teardown(void)
{
    deployment_person_clear(&second);
    deployment_person_clear(&officer);
    deployment_person_clear(&spare);
    deployment_teardown();
}

static void forget(ProtobufCMessage *reply)
{
    protobuf_c_message_free_unpacked(reply, NULL);
}

/* Calls, forgets the answer, and tells how it ended. */
static enum reason call(const struct person *person, enum method_id id, const ProtobufCMessage *request)
{
    ProtobufCMessage *reply = NULL;

    error = (struct remote_error){ 0 };
    if (deployment_operate(person, id, request, &reply, &error) == CKR_OK)
        forget(reply);
    return error.failure.reason;
}

static enum reason add_user(const struct person *person, const char *name)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;

    request.user = (char *)name;
    return call(person, METHOD_AddUser, &request.base);
}

/* The first operator asks for a user; the request's id. */
static void ask_for(const char *user, uint8_t ret[APPROVAL_ID_LEN])
{
    ck_assert_int_eq(add_user(&deployment.operator_, user), REASON_APPROVAL_NEEDED);
    ck_assert(error.failure.is_authentic && error.failure.has_approval);
    memcpy(ret, error.failure.approval, APPROVAL_ID_LEN);
}

static enum reason approve(const struct person *person, const uint8_t id[APPROVAL_ID_LEN])
{
    Privyseal__V1__ApproveRequestRequest request = PRIVYSEAL__V1__APPROVE_REQUEST_REQUEST__INIT;

    request.id = pack_borrow(BYTES(id, APPROVAL_ID_LEN));
    return call(person, METHOD_ApproveRequest, &request.base);
}

static enum reason reject(const struct person *person, const uint8_t id[APPROVAL_ID_LEN])
{
    Privyseal__V1__RejectRequestRequest request = PRIVYSEAL__V1__REJECT_REQUEST_REQUEST__INIT;

    request.id = pack_borrow(BYTES(id, APPROVAL_ID_LEN));
    return call(person, METHOD_RejectRequest, &request.base);
}

static enum reason set_operator(const struct person *person, const char *name, bool is_enabled)
{
    Privyseal__V1__SetOperatorEnabledRequest request = PRIVYSEAL__V1__SET_OPERATOR_ENABLED_REQUEST__INIT;

    request.name = (char *)name;
    request.enabled = is_enabled;
    return call(person, METHOD_SetOperatorEnabled, &request.base);
}

static enum reason add_certificate(const struct person *by, const char *principal, const char *role)
{
    Privyseal__V1__AddCertificateRequest request = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    unsigned char *der = NULL;
    int len = i2d_X509(sk_X509_value(spare.chain, 0), &der);
    enum reason reason;

    request.principal = (char *)principal;
    request.role = (char *)role;
    request.der = pack_borrow(BYTES(der, (size_t)len));
    reason = call(by, METHOD_AddCertificate, &request.base);
    OPENSSL_free(der);
    return reason;
}

static bool exists(const char *user)
{
    struct token_row token;

    return store_token_by_name(deployment.store, user, &token) == 0;
}

/* ------------------------------------------------------------------------------------------ asking, deciding */

START_TEST(call_that_takes_two_is_kept_and_not_done)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert(!exists("ann"));
    ck_assert_uint_eq(deployment_records("\"user.add\",\"result\":\"APPROVAL_NEEDED\""), 1);
}
END_TEST

START_TEST(second_operator_executes_it_and_gets_the_answer)
{
    Privyseal__V1__ApproveRequestRequest request = PRIVYSEAL__V1__APPROVE_REQUEST_REQUEST__INIT;
    const Privyseal__V1__ApproveRequestResponse *answer;
    Privyseal__V1__AddUserResponse *inner;
    ProtobufCMessage *reply = NULL;
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    request.id = pack_borrow(BYTES_OF_ARRAY(id));
    ck_assert_uint_eq(deployment_operate(&second, METHOD_ApproveRequest, &request.base, &reply, &error),
                      CKR_OK);
    answer = (const Privyseal__V1__ApproveRequestResponse *)reply;
    ck_assert_str_eq(answer->request->requester, "operator");
    ck_assert_str_eq(answer->request->decided_by, "second");
    ck_assert_str_eq(answer->request->subject, "ann");
    ck_assert_int_eq(answer->request->state, PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_DONE);
    inner = privyseal__v1__add_user_response__unpack(NULL, answer->reply.len, answer->reply.data);
    ck_assert_uint_eq(inner->activation_code.len, ACTIVATION_CODE_LEN);
    privyseal__v1__add_user_response__free_unpacked(inner, NULL);
    forget(reply);
    ck_assert(exists("ann"));
}
END_TEST

START_TEST(record_of_what_was_approved_names_both)
{
    char note[64] = "request ";
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    hex_encode(BYTES_OF_ARRAY(id), note + strlen(note));
    ck_assert_uint_eq(deployment_records(note), 1); /* the asking */
    ck_assert_int_eq(approve(&officer, id), REASON_NONE);
    strcat(note, " of operator");
    ck_assert_uint_eq(deployment_records(note), 1);
    ck_assert_uint_eq(deployment_records("\"user.add\",\"result\":\"OK\""), 1);
    ck_assert_uint_eq(deployment_records("\"request.approve\""), 0); /* recorded as what it is */
}
END_TEST

START_TEST(nobody_approves_what_he_asked_for)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(approve(&deployment.operator_, id), REASON_NOT_PERMITTED);
    ck_assert(!exists("ann"));
    ck_assert_int_eq(approve(&second, id), REASON_NONE);
}
END_TEST

START_TEST(nor_with_another_certificate_of_the_same_person)
{
    uint8_t id[APPROVAL_ID_LEN];

    take_two_for(0);
    deployment_register("operator", "officer", &spare);
    take_two_for(DUAL_BIT(DUAL_ENROL));
    ask_for("ann", id);
    ck_assert_int_eq(approve(&spare, id), REASON_NOT_PERMITTED);
    ck_assert(!exists("ann"));
}
END_TEST

START_TEST(request_is_executed_once)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(approve(&second, id), REASON_NONE);
    ck_assert_int_eq(approve(&second, id), REASON_REQUEST_VOID);
    ck_assert_int_eq(approve(&officer, id), REASON_REQUEST_VOID);
    ck_assert_int_eq(reject(&officer, id), REASON_REQUEST_VOID);
    ck_assert_uint_eq(deployment_records("\"user.add\",\"result\":\"OK\""), 1);
}
END_TEST

/* Two signers read the request at the same moment; only one writes. */
START_TEST(of_two_who_approve_at_once_one_wins)
{
    struct access *access = &deployment.service[0].access, *other = &deployment.service[1].access;
    CLEANUP(requests_clear) struct requests mine = { 0 }, theirs = { 0 };
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(requests_load(access, "operator", &mine), REASON_NONE);
    ck_assert_int_eq(requests_load(other, "operator", &theirs), REASON_NONE);
    mine.rows[0].state = theirs.rows[0].state = REQUEST_APPROVED;
    ck_assert_int_eq(requests_decide(access, &mine, &mine.rows[0]), REASON_NONE);
    ck_assert_int_eq(requests_decide(other, &theirs, &theirs.rows[0]), REASON_BUSY);
}
END_TEST

START_TEST(rejected_request_is_not_executed)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(reject(&officer, id), REASON_NONE);
    ck_assert_int_eq(reject(&officer, id), REASON_NONE); /* a repeat */
    ck_assert_int_eq(approve(&second, id), REASON_REQUEST_VOID);
    ck_assert(!exists("ann"));
}
END_TEST

START_TEST(who_asked_may_withdraw)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(reject(&deployment.operator_, id), REASON_NONE);
    ck_assert_int_eq(approve(&second, id), REASON_REQUEST_VOID);
}
END_TEST

START_TEST(request_expires)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    deployment_wait(24 * HOUR_MS + 1000);
    ck_assert_int_eq(approve(&second, id), REASON_REQUEST_VOID);
    deployment_wait_no_more();
    ck_assert(!exists("ann"));
}
END_TEST

START_TEST(request_of_somebody_disabled_since_is_void)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ck_assert_int_eq(set_operator(&second, "operator", false), REASON_NONE);
    ck_assert_int_eq(approve(&second, id), REASON_REQUEST_VOID);
    ck_assert(!exists("ann"));
}
END_TEST

START_TEST(asked_for_twice_it_is_one_request)
{
    uint8_t id[APPROVAL_ID_LEN], again[APPROVAL_ID_LEN];

    ask_for("ann", id);
    ask_for("ann", again);
    ck_assert_mem_eq(id, again, APPROVAL_ID_LEN);
    ask_for("bob", again);
    ck_assert_mem_ne(id, again, APPROVAL_ID_LEN);
}
END_TEST

START_TEST(what_the_method_refuses_is_refused_to_the_approver_and_used_up)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("co:lon", id);
    ck_assert_int_eq(approve(&second, id), REASON_MALFORMED);
    ck_assert_int_eq(approve(&officer, id), REASON_REQUEST_VOID);
}
END_TEST

START_TEST(open_requests_of_one_person_are_limited)
{
    char name[16];

    for (int i = 0; i < REQUESTS_OPEN_MAX; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        ck_assert_int_eq(add_user(&deployment.operator_, name), REASON_APPROVAL_NEEDED);
    }
    ck_assert_int_eq(add_user(&deployment.operator_, "one-more"), REASON_LIMIT);
    ck_assert_int_eq(add_user(&second, "another"), REASON_APPROVAL_NEEDED);
}
END_TEST

START_TEST(decided_requests_make_room_for_new_ones)
{
    struct requests requests = { 0 };
    uint8_t id[APPROVAL_ID_LEN];
    char name[16];

    for (int i = 0; i < REQUESTS_KEPT_MAX + 5; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        ask_for(name, id);
        ck_assert_int_eq(reject(&second, id), REASON_NONE);
    }
    ck_assert_int_eq(requests_load(&deployment.service[0].access, "operator", &requests), REASON_NONE);
    ck_assert_uint_eq(requests.count, REQUESTS_KEPT_MAX);
    requests_clear(&requests);
}
END_TEST

/* ------------------------------------------------------------------------------------------ listing */

static size_t list(bool decided, const uint8_t *id, Privyseal__V1__ListRequestsResponse **ret)
{
    Privyseal__V1__ListRequestsRequest request = PRIVYSEAL__V1__LIST_REQUESTS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    CK_RV rv;

    request.decided = decided;
    request.id = pack_borrow(BYTES(id, id ? APPROVAL_ID_LEN : 0));
    rv = deployment_operate(&officer, METHOD_ListRequests, &request.base, &reply, &error);
    ck_assert_msg(rv == CKR_OK, "%s", error.detail);
    *ret = (Privyseal__V1__ListRequestsResponse *)reply;
    return (*ret)->n_request;
}

START_TEST(open_requests_are_listed_and_one_is_shown_with_its_body)
{
    Privyseal__V1__ListRequestsResponse *answer;
    Privyseal__V1__AddUserRequest *body;
    uint8_t ann[APPROVAL_ID_LEN], bob[APPROVAL_ID_LEN];

    ask_for("ann", ann);
    ask_for("bob", bob);
    ck_assert_int_eq(reject(&officer, bob), REASON_NONE);
    ck_assert_uint_eq(list(false, NULL, &answer), 1);
    ck_assert_str_eq(answer->request[0]->subject, "ann");
    ck_assert_uint_eq(answer->request[0]->body.len, 0);
    forget(&answer->base);
    ck_assert_uint_eq(list(true, NULL, &answer), 2);
    ck_assert_int_eq(answer->request[1]->state, PRIVYSEAL__V1__REQUEST_STATE__REQUEST_STATE_REJECTED);
    forget(&answer->base);
    ck_assert_uint_eq(list(false, ann, &answer), 1);
    body = privyseal__v1__add_user_request__unpack(NULL, answer->request[0]->body.len,
                                                   answer->request[0]->body.data);
    ck_assert_str_eq(body->user, "ann");
    privyseal__v1__add_user_request__free_unpacked(body, NULL);
    forget(&answer->base);
}
END_TEST

/* ------------------------------------------------------------------------------------------ what takes two */

START_TEST(classes_that_are_not_named_take_one)
{
    Privyseal__V1__UnlockPinRequest unlock = PRIVYSEAL__V1__UNLOCK_PIN_REQUEST__INIT;

    unlock.user = "nobody";
    ck_assert_int_eq(call(&second, METHOD_UnlockPin, &unlock.base), REASON_NOT_FOUND);
    take_two_for(DUAL_BIT(DUAL_UNLOCK));
    ck_assert_int_eq(call(&second, METHOD_UnlockPin, &unlock.base), REASON_APPROVAL_NEEDED);
    ck_assert_int_eq(add_user(&second, "ann"), REASON_NONE);
}
END_TEST

/* Else one operator would make the second, who approves everything. */
START_TEST(whoever_may_approve_is_made_by_two_as_soon_as_anything_takes_two)
{
    take_two_for(DUAL_BIT(DUAL_DELETE));
    ck_assert_int_eq(add_certificate(&second, "third", "operator"), REASON_APPROVAL_NEEDED);
    ck_assert_int_eq(add_certificate(&second, "third", "officer"), REASON_APPROVAL_NEEDED);
    ck_assert_int_eq(add_certificate(&second, "operator", "operator"), REASON_APPROVAL_NEEDED);
    ck_assert_int_eq(add_certificate(&second, "reader", "auditor"), REASON_NONE);
}
END_TEST

START_TEST(stopping_somebody_takes_one_and_letting_in_again_two)
{
    ck_assert_int_eq(set_operator(&second, "officer", false), REASON_NONE);
    ck_assert_int_eq(set_operator(&second, "officer", true), REASON_APPROVAL_NEEDED);
    ck_assert_int_eq(set_operator(&second, "second", false), REASON_NOT_PERMITTED); /* himself */
}
END_TEST

START_TEST(operator_is_not_let_in_again_as_a_user)
{
    Privyseal__V1__SetUserEnabledRequest enable = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;

    take_two_for(0);
    ck_assert_int_eq(add_user(&second, "officer"), REASON_NONE); /* a token of the officer's own */
    take_two_for(DUAL_BIT(DUAL_DELETE));
    ck_assert_int_eq(set_operator(&second, "officer", false), REASON_NONE);
    enable.user = "officer";
    enable.enabled = true;
    ck_assert_int_eq(call(&second, METHOD_SetUserEnabled, &enable.base), REASON_APPROVAL_NEEDED);
}
END_TEST

/* Whatever takes two: a name that belongs to somebody who was stopped is not free. */
START_TEST(disabled_operator_is_not_let_in_again_by_being_added)
{
    Privyseal__V1__AddUsersRequest many = PRIVYSEAL__V1__ADD_USERS_REQUEST__INIT;
    Privyseal__V1__NewUser user = PRIVYSEAL__V1__NEW_USER__INIT, *users[] = { &user };
    ProtobufCMessage *reply = NULL;

    take_two_for(DUAL_BIT(DUAL_DELETE));
    ck_assert_int_eq(set_operator(&second, "officer", false), REASON_NONE);
    ck_assert_int_eq(add_user(&second, "officer"), REASON_NOT_PERMITTED);
    user.user = "officer";
    many.user = users;
    many.n_user = 1;
    ck_assert_uint_eq(deployment_operate(&second, METHOD_AddUsers, &many.base, &reply, &error), CKR_OK);
    ck_assert_int_eq(((Privyseal__V1__AddUsersResponse *)reply)->user[0]->result,
                     PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED);
    forget(reply);
    ck_assert(!exists("officer"));
    ck_assert_int_eq(set_operator(&officer, "second", false), REASON_NOT_PERMITTED);
}
END_TEST

/* A hold on one certificate is not taken back by disabling its user and enabling again. */
START_TEST(letting_a_user_in_again_is_also_about_certificates)
{
    Privyseal__V1__SetUserEnabledRequest enable = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;

    take_two_for(DUAL_BIT(DUAL_CERTIFICATE));
    ck_assert_int_eq(add_user(&second, "ann"), REASON_NONE);
    enable.user = "ann";
    ck_assert_int_eq(call(&second, METHOD_SetUserEnabled, &enable.base), REASON_NONE);
    enable.enabled = true;
    ck_assert_int_eq(call(&second, METHOD_SetUserEnabled, &enable.base), REASON_APPROVAL_NEEDED);
}
END_TEST

START_TEST(every_method_of_operators_was_judged)
{
    for (enum method_id id = 0; id < METHODS; id++)
        ck_assert_msg(method_by_id(id)->proof != PROOF_OPERATOR || dual_is_judged(id),
                      "%s: nobody wrote down whether it takes two", method_by_id(id)->name);
}
END_TEST

/*
 * What is kept waits in the database as it came: so no request of operators may ever hold a secret. A field that is
 * not here has not been looked at.
 */
START_TEST(nothing_that_is_kept_is_secret)
{
    static const char *const looked_at[] = {
        "AddUser.user",
        "AddUser.custody",
        "AddUser.activation_hours",
        "SetUserEnabled.user",
        "SetUserEnabled.enabled",
        "MoveUser.user",
        "MoveUser.custody",
        "MoveUser.partition",
        "UnlockPin.user",
        "AddCertificate.principal",
        "AddCertificate.der",
        "AddCertificate.role",
        "IssueCertificate.owner",
        "IssueCertificate.profile",
        "IssueCertificate.request",
        "IssueCertificate.subject",
        "IssueCertificate.alt_names",
        "IssueCertificate.days",
        "IssueCertificate.role",
        "IssueCertificate.label",
        "SetPolicy.user",
        "SetPolicy.policy",
        "SetPolicy.set",
        "SetPolicy.group",
        "SetPolicy.after",
        "AllowKeys.user",
        "AllowKeys.count",
        "SetOperatorEnabled.name",
        "SetOperatorEnabled.enabled",
        "AddUsers.user",
        "AddUsers.new_codes",
        "DeleteUser.user",
        "ChangeMembers.group",
        "ChangeMembers.user",
        "ChangeMembers.remove",
        "SetGrant.principal",
        "SetGrant.user",
        "SetGrant.group",
        "SetGrant.bits",
        "RevokeCertificate.serial",
        "RevokeCertificate.reason",
        "ResetFactor.user",
        "ResetUser.user",
        "ResetUser.activation_hours",
        "AddDeviceCode.user",
        "AddDeviceCode.code_proof", /* worth nothing without the PIN; docs/threat-model.md says what it is worth with it */
        "AddDeviceCode.hours",
    };

    for (enum method_id id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id(id);

        for (unsigned i = 0; dual_may_keep(id) && i < method->request->n_fields; i++) {
            bool is_found = false;
            char name[128];

            snprintf(name, sizeof(name), "%s.%s", method->name, method->request->fields[i].name);
            for (size_t j = 0; j < ARRAY_SIZE(looked_at); j++)
                is_found |= strcmp(looked_at[j], name) == 0;
            ck_assert_msg(is_found, "%s: nobody wrote down that it is no secret", name);
        }
    }
}
END_TEST

static CK_RV generate(struct remote_token *token)
{
    uint8_t name[KEY_NAME_LEN];

    return remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256 }, name,
                                 &error);
}

START_TEST(keys_that_need_a_permit_are_made_when_two_agree)
{
    struct remote *remote = deployment_remote(&deployment.alice);
    Privyseal__V1__SetPolicyRequest policy = PRIVYSEAL__V1__SET_POLICY_REQUEST__INIT;
    Privyseal__V1__AllowKeysRequest allow = PRIVYSEAL__V1__ALLOW_KEYS_REQUEST__INIT;
    Privyseal__V1__TokenPolicy settings = PRIVYSEAL__V1__TOKEN_POLICY__INIT;
    struct remote_token *token;
    uint8_t id[APPROVAL_ID_LEN];

    take_two_for(0);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    policy.user = allow.user = "alice";
    policy.policy = &settings;
    settings.keys_need_permit = true;
    policy.n_set = 1;
    policy.set = (char *[]){ "keys_need_permit" };
    allow.count = 1;
    ck_assert_int_eq(call(&second, METHOD_AllowKeys, &allow.base), REASON_NOT_FOUND); /* needs none */
    ck_assert_int_eq(call(&second, METHOD_SetPolicy, &policy.base), REASON_NONE);
    take_two_for(DUAL_BIT(DUAL_KEY));
    ck_assert_int_eq(call(&second, METHOD_SetPolicy, &policy.base), REASON_APPROVAL_NEEDED);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_ne(generate(token), CKR_OK);
    ck_assert_int_eq(error.failure.reason, REASON_POLICY_PERMIT);
    ck_assert_int_eq(call(&second, METHOD_AllowKeys, &allow.base), REASON_APPROVAL_NEEDED);
    memcpy(id, error.failure.approval, APPROVAL_ID_LEN);
    ck_assert_uint_ne(generate(token), CKR_OK);
    ck_assert_int_eq(approve(&officer, id), REASON_NONE);
    ck_assert_uint_eq(generate(token), CKR_OK);
    ck_assert_uint_ne(generate(token), CKR_OK); /* one permit, one key */
    remote_token_free(token);
    remote_free(remote);
}
END_TEST

/* ------------------------------------------------------------------------------------------ the database */

static void sql(const char *statement)
{
    char path[96], *why = NULL;
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, statement, NULL, NULL, &why) == SQLITE_OK, "%s", why ? why : "");
    sqlite3_close(db);
}

static const char *const edits[] = {
    "UPDATE requests SET body = CAST(replace(CAST(body AS TEXT), 'ann', 'eve') AS BLOB)",
    "UPDATE requests SET method = 'ListUsers'",
    "UPDATE requests SET expires_ms = expires_ms + 1000000000",
    "UPDATE requests SET created_ms = created_ms + 1",
    "UPDATE requests SET decided_by = 'second'",
    "UPDATE requests SET state = 2",
    "UPDATE requests SET name = x'0000000000000000'",
    "UPDATE requests SET certificate = (SELECT hash FROM principal_certificates WHERE role = 5)",
    "UPDATE requests SET principal_id = (SELECT id FROM principals WHERE name = 'second')",
    "INSERT INTO requests (name, principal_id, certificate, method, body, created_ms, expires_ms, state,"
    " decided_by) SELECT x'0102030405060708', principal_id, certificate, method, body, created_ms, "
    "expires_ms,"
    " state, decided_by FROM requests",
};

START_TEST(edited_requests_are_noticed)
{
    uint8_t id[APPROVAL_ID_LEN];

    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        ask_for("ann", id);
        sql("CREATE TABLE kept AS SELECT * FROM requests");
        sql(edits[i]);
        ck_assert_msg(approve(&officer, strstr(edits[i], "SET name") ? (const uint8_t[APPROVAL_ID_LEN]){ 0 }
                                                                     : id) == REASON_INTEGRITY,
                      "%s: %s", edits[i], reason_row(error.failure.reason)->word);
        ck_assert(!exists("ann") && !exists("eve"));
        sql("DELETE FROM requests; INSERT INTO requests SELECT * FROM kept; DROP TABLE kept");
    }
    ck_assert_int_eq(approve(&officer, id), REASON_NONE);
}
END_TEST

START_TEST(executed_request_that_is_put_back_is_noticed)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    sql("CREATE TABLE kept AS SELECT * FROM requests");
    ck_assert_int_eq(approve(&second, id), REASON_NONE);
    sql("DELETE FROM requests; INSERT INTO requests SELECT * FROM kept");
    ck_assert_int_eq(approve(&second, id), REASON_INTEGRITY);
}
END_TEST

/* With the requester's row of that time: both are genuine, and the signer remembers that there was a newer one. */
START_TEST(so_is_one_that_is_put_back_with_its_requester)
{
    uint8_t id[APPROVAL_ID_LEN];

    ask_for("ann", id);
    sql("CREATE TABLE kept AS SELECT * FROM requests; CREATE TABLE known AS SELECT * FROM principals");
    ck_assert_int_eq(approve(&second, id), REASON_NONE);
    sql("DELETE FROM requests; INSERT INTO requests SELECT * FROM kept;"
        "UPDATE principals SET (sequence, requests, mac) = (SELECT sequence, requests, mac FROM known"
        " WHERE known.id = principals.id) WHERE name = 'operator'");
    ck_assert_int_eq(approve(&second, id), REASON_INTEGRITY);
}
END_TEST

SUITE_WITH_FIXTURE(
    "loopback dual control", setup, teardown, call_that_takes_two_is_kept_and_not_done,
    second_operator_executes_it_and_gets_the_answer, record_of_what_was_approved_names_both,
    nobody_approves_what_he_asked_for, nor_with_another_certificate_of_the_same_person,
    request_is_executed_once, of_two_who_approve_at_once_one_wins, rejected_request_is_not_executed,
    who_asked_may_withdraw, request_expires, request_of_somebody_disabled_since_is_void,
    asked_for_twice_it_is_one_request, what_the_method_refuses_is_refused_to_the_approver_and_used_up,
    open_requests_of_one_person_are_limited, decided_requests_make_room_for_new_ones,
    open_requests_are_listed_and_one_is_shown_with_its_body, classes_that_are_not_named_take_one,
    whoever_may_approve_is_made_by_two_as_soon_as_anything_takes_two,
    stopping_somebody_takes_one_and_letting_in_again_two, operator_is_not_let_in_again_as_a_user,
    disabled_operator_is_not_let_in_again_by_being_added, letting_a_user_in_again_is_also_about_certificates,
    every_method_of_operators_was_judged, nothing_that_is_kept_is_secret,
    keys_that_need_a_permit_are_made_when_two_agree, edited_requests_are_noticed,
    executed_request_that_is_put_back_is_noticed, so_is_one_that_is_put_back_with_its_requester);
