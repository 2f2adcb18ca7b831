/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see and do, what auditors see, and what everybody else is refused. */
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proto/audit_record.h"
#include "proto/pack.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

static struct remote_error error;

static CK_RV operate_as(const struct person *person, enum method_id method, const ProtobufCMessage *request,
                        ProtobufCMessage **ret)
{
    *ret = NULL;
    return deployment_operate(person, method, request, ret, &error);
}

static CK_RV operate(enum method_id method, const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    return operate_as(&deployment.operator_, method, request, ret);
}

static void forget(ProtobufCMessage *reply)
{
    protobuf_c_message_free_unpacked(reply, NULL);
}

static void add_user(const char *name)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.user = (char *)name;
    ck_assert_uint_eq(operate(METHOD_AddUser, &request.base, &reply), CKR_OK);
    forget(reply);
}

static CK_RV register_certificate(const char *principal, const char *role, const struct person *person)
{
    Privyseal__V1__AddCertificateRequest request = PRIVYSEAL__V1__ADD_CERTIFICATE_REQUEST__INIT;
    ProtobufCMessage *reply;
    unsigned char *der = NULL;
    int len = i2d_X509(sk_X509_value(person->chain, 0), &der);
    CK_RV rv;

    request.principal = (char *)principal;
    request.role = (char *)role;
    request.der = pack_borrow(BYTES(der, (size_t)len));
    rv = operate(METHOD_AddCertificate, &request.base, &reply);
    if (rv == CKR_OK)
        forget(reply);
    OPENSSL_free(der);
    return rv;
}

START_TEST(user_names_that_break_clients_are_refused)
{
    static const char *const names[] = { "",        " leading",    "trailing ",
                                         "co:lon",  "sla/sh",      "back\\slash",
                                         "quo\"te", "control\x01", "a name of more than thirty-two bytes" };
    const char *const *name;

    for (EACH_ROW(name, names)) {
        Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
        ProtobufCMessage *reply;

        request.user = (char *)*name;
        ck_assert_uint_eq(operate(METHOD_AddUser, &request.base, &reply), CKR_ARGUMENTS_BAD);
    }
}
END_TEST

START_TEST(user_is_added_once)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
    ProtobufCMessage *reply;

    add_user("bob");
    request.user = "bob";
    ck_assert_uint_eq(operate(METHOD_AddUser, &request.base, &reply), CKR_FUNCTION_FAILED);
    ck_assert_int_eq(error.failure.reason, REASON_ALREADY_EXISTS);
}
END_TEST

START_TEST(users_are_listed_page_by_page)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    Privyseal__V1__ListUsersRequest request = PRIVYSEAL__V1__LIST_USERS_REQUEST__INIT;
    const char *const *name;
    char after[NAME_MAX_LEN + 1] = "";
    size_t seen = 0;
    bool more = true;

    for (EACH_ROW(name, names))
        add_user(*name);
    request.limit = 2;
    while (more) {
        const Privyseal__V1__ListUsersResponse *answer;
        ProtobufCMessage *reply;

        request.after = after;
        ck_assert_uint_eq(operate(METHOD_ListUsers, &request.base, &reply), CKR_OK);
        answer = (const Privyseal__V1__ListUsersResponse *)reply;
        for (size_t i = 0; i < answer->n_user; i++, seen++)
            ck_assert_str_eq(answer->user[i]->user, names[seen]);
        strcpy(after, answer->user[answer->n_user - 1]->user);
        ck_assert_int_eq(answer->user[0]->pin_state, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET);
        more = answer->more;
        forget(reply);
    }
    ck_assert_uint_eq(seen, ARRAY_SIZE(names));
}
END_TEST

START_TEST(unknown_user_is_said_to_be_unknown_to_operators)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    ProtobufCMessage *reply;

    request.user = "nobody";
    ck_assert_uint_eq(operate(METHOD_ShowUser, &request.base, &reply), CKR_FUNCTION_FAILED);
    ck_assert_int_eq(error.failure.reason, REASON_NOT_FOUND);
}
END_TEST

START_TEST(shown_user_has_its_devices_and_keys)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    struct remote *remote = deployment_remote(&deployment.alice);
    struct remote_token *token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    const Privyseal__V1__ShowUserResponse *answer;
    uint8_t name[KEY_NAME_LEN];
    ProtobufCMessage *reply;

    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(
            token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "signing" }, name, &error),
        CKR_OK);
    request.user = "alice";
    ck_assert_uint_eq(operate(METHOD_ShowUser, &request.base, &reply), CKR_OK);
    answer = (const Privyseal__V1__ShowUserResponse *)reply;
    ck_assert_uint_eq(answer->n_device, 1);
    ck_assert_mem_eq(answer->device[0]->fingerprint.data, deployment.alice.certificate_hash, HASH_LEN);
    ck_assert_str_eq(answer->device[0]->role, "device");
    ck_assert_uint_eq(answer->n_key, 1);
    ck_assert_str_eq(answer->key[0]->label, "signing");
    forget(reply);
    remote_token_free(token);
    remote_free(remote);
}
END_TEST

START_TEST(disabled_user_cannot_log_in_and_loses_its_lease)
{
    Privyseal__V1__SetUserEnabledRequest request = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;
    struct remote *remote = deployment_remote(&deployment.alice);
    struct remote_token *token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    ProtobufCMessage *reply;

    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    request.user = "alice";
    ck_assert_uint_eq(operate(METHOD_SetUserEnabled, &request.base, &reply), CKR_OK);
    forget(reply);
    ck_assert_uint_eq(leases_count(deployment.service[SIGNER_WRAPPED].leases), 0);
    remote_token_logout(token);
    deployment_wait(10000);
    ck_assert_uint_ne(remote_token_login(token, PIN, &error), CKR_OK);
    request.enabled = true;
    ck_assert_uint_eq(operate(METHOD_SetUserEnabled, &request.base, &reply), CKR_OK);
    forget(reply);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    remote_token_free(token);
    remote_free(remote);
}
END_TEST

START_TEST(certificate_belongs_to_one_principal)
{
    add_user("alice");
    add_user("bob");
    ck_assert_uint_eq(register_certificate("alice", "device", &deployment.alice), CKR_OK);
    ck_assert_uint_eq(register_certificate("alice", "device", &deployment.alice), CKR_OK); /* a repeat */
    ck_assert_uint_eq(register_certificate("bob", "device", &deployment.alice), CKR_FUNCTION_FAILED);
    ck_assert_uint_eq(register_certificate("alice", "operator", &deployment.alice), CKR_FUNCTION_FAILED);
}
END_TEST

START_TEST(device_of_nobody_is_refused)
{
    ck_assert_uint_eq(register_certificate("nobody", "device", &deployment.alice), CKR_FUNCTION_FAILED);
    ck_assert_int_eq(error.failure.reason, REASON_NOT_FOUND);
    ck_assert_uint_eq(register_certificate("alice", "emperor", &deployment.alice), CKR_ARGUMENTS_BAD);
}
END_TEST

/* A request that each method of the operators' plane would understand. */
static CK_RV call_with_empty_request(const struct person *person, enum method_id id)
{
    ProtobufCMessage *request = calloc(1, method_by_id(id)->request->sizeof_message), *reply;
    CK_RV rv;

    protobuf_c_message_init(method_by_id(id)->request, request);
    rv = operate_as(person, id, request, &reply);
    if (rv == CKR_OK)
        forget(reply);
    free(request);
    return rv;
}

START_TEST(users_may_do_nothing_an_operator_does)
{
    add_user("alice");
    ck_assert_uint_eq(register_certificate("alice", "device", &deployment.alice), CKR_OK);
    for (enum method_id id = 0; id < METHODS; id++) {
        if (method_by_id(id)->proof != PROOF_OPERATOR)
            continue;
        ck_assert_uint_eq(call_with_empty_request(&deployment.alice, id), CKR_ACTION_PROHIBITED);
        ck_assert_uint_eq(call_with_empty_request(&deployment.mallory, id), CKR_ACTION_PROHIBITED);
    }
}
END_TEST

START_TEST(auditor_watches_and_touches_nothing)
{
    ck_assert_uint_eq(register_certificate("auditor", "auditor", &deployment.alice), CKR_OK);
    for (enum method_id id = 0; id < METHODS; id++) {
        if (method_by_id(id)->permission == PERM_WATCH)
            ck_assert_uint_ne(call_with_empty_request(&deployment.alice, id), CKR_ACTION_PROHIBITED);
        else if (method_by_id(id)->proof == PROOF_OPERATOR)
            ck_assert_uint_eq(call_with_empty_request(&deployment.alice, id), CKR_ACTION_PROHIBITED);
    }
}
END_TEST

START_TEST(audit_log_read_over_the_wire_is_an_unbroken_chain)
{
    Privyseal__V1__ReadAuditRequest request = PRIVYSEAL__V1__READ_AUDIT_REQUEST__INIT;
    const Privyseal__V1__ReadAuditResponse *answer;
    struct audit_check check;
    ProtobufCMessage *reply;
    const char *why = NULL;

    for (int i = 0; i < 20; i++)
        add_user((char[]){ 'u', (char)('a' + i), '\0' });
    ck_assert_int_eq(audit_check_init(&check, REALM, &(struct log_name){ PROXY, SIGNER_WRAPPED }), 0);
    request.from = 1;
    request.limit = 7;
    for (size_t got = 1; got > 0; request.from += got) {
        ck_assert_uint_eq(operate(METHOD_ReadAudit, &request.base, &reply), CKR_OK);
        answer = (const Privyseal__V1__ReadAuditResponse *)reply;
        got = request.from > 20 ? 0 : answer->n_record; /* reading is recorded too: it would never end */
        for (size_t i = 0; i < got; i++)
            ck_assert_msg(audit_check_line(&check, pack_lend(&answer->record[i]), &why) == 0, "%s", why);
        forget(reply);
    }
    ck_assert_uint_gt(check.next_sequence, 20);
}
END_TEST

START_TEST(status_tells_what_this_deployment_is)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    const Privyseal__V1__GetStatusResponse *answer;
    ProtobufCMessage *reply;

    add_user("alice");
    ck_assert_uint_eq(operate(METHOD_GetStatus, &request.base, &reply), CKR_OK);
    answer = (const Privyseal__V1__GetStatusResponse *)reply;
    ck_assert_str_eq(answer->realm, REALM);
    ck_assert_uint_eq(answer->users, 1);
    ck_assert_ptr_nonnull(strstr(answer->hsm, "SoftHSM"));
    ck_assert_uint_eq(answer->n_seal_epoch, 1);
    forget(reply);
}
END_TEST

START_TEST(status_tells_what_signers_of_all_proxies_said_of_themselves)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    const Privyseal__V1__GetStatusResponse *answer;
    int64_t now_ms = (int64_t)time(NULL) * 1000, day_ms = 86400000;
    struct sighting here = { .who = { "one", 0 }, .hsm = "hsm", .version = "9", .seen_ms = now_ms },
                    away = { .who = { "two", 5 },
                             .state = SIGHTING_FAILED,
                             .hsm = "hsm.b",
                             .note = "no such token",
                             .seen_ms = now_ms - 60000 },
                    gone = { .who = { "three", 0 }, .hsm = "hsm", .seen_ms = now_ms - 2 * day_ms };
    ProtobufCMessage *reply;

    ck_assert_int_eq(store_sighting_put(deployment.store, &here), 0);
    ck_assert_int_eq(store_sighting_put(deployment.store, &away), 0);
    ck_assert_int_eq(store_sighting_put(deployment.store, &gone), 0);
    ck_assert_uint_eq(operate(METHOD_GetStatus, &request.base, &reply), CKR_OK);
    answer = (const Privyseal__V1__GetStatusResponse *)reply;
    ck_assert_uint_eq(answer->n_seen, 2);
    ck_assert_str_eq(answer->seen[0]->version, "9");
    ck_assert_uint_lt(answer->seen[0]->silent_s, 30);
    ck_assert_str_eq(answer->seen[1]->proxy, "two");
    ck_assert_uint_eq(answer->seen[1]->signer, 5);
    ck_assert_uint_eq(answer->seen[1]->state, PRIVYSEAL__V1__SIGNER_STATE__SIGNER_FAILED);
    ck_assert_str_eq(answer->seen[1]->note, "no such token");
    ck_assert_uint_ge(answer->seen[1]->silent_s, 60);
    forget(reply);
}
END_TEST

SUITE_WITH_FIXTURE("loopback operators", deployment_setup, deployment_teardown,
                   user_names_that_break_clients_are_refused, user_is_added_once,
                   users_are_listed_page_by_page, unknown_user_is_said_to_be_unknown_to_operators,
                   shown_user_has_its_devices_and_keys, disabled_user_cannot_log_in_and_loses_its_lease,
                   certificate_belongs_to_one_principal, device_of_nobody_is_refused,
                   users_may_do_nothing_an_operator_does, auditor_watches_and_touches_nothing,
                   audit_log_read_over_the_wire_is_an_unbroken_chain, status_tells_what_this_deployment_is,
                   status_tells_what_signers_of_all_proxies_said_of_themselves);
