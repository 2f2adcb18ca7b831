/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call what: every method of methods.def, called by everybody there is, through the real dispatcher, and
 * compared with one table that knows nothing of the code's. A method that nobody judged yet fails here.
 */
#include <string.h>

#include "include/table.h"
#include "proto/pack.h"
#include "tests/loopback/raw_client.h"
#include "tests/support/suite.h"

enum who {
    DEVICE, /* alice's, whose token it is */
    STRANGER,
    APPLICATION, /* with a full grant on alice's token */
    OPERATOR,
    AUDITOR,
    OFFICER,
    UNREGISTERED,
    REVOKED_DEVICE, /* of alice */
    REVOKED_OPERATOR,
    DISABLED_DEVICE, /* of a disabled user with a full grant on alice's token */
    DISABLED_OPERATOR,
    PEOPLE
};

/* A letter for each who may; who has none may what "*" may: anybody. */
static const char letters[PEOPLE] = {
    [DEVICE] = 'd', [STRANGER] = 's', [APPLICATION] = 'a', [OPERATOR] = 'o', [AUDITOR] = 'w', [OFFICER] = 'f',
};

/* clang-format off */
static const char *const may_call[METHODS] = {
    [METHOD_ListTokens] = "dsaowf",
    [METHOD_GetToken] = "da",
    [METHOD_SetPin] = "da",
    [METHOD_Unlock] = "da",
    [METHOD_ChangePin] = "da",
    [METHOD_Lock] = "da",
    [METHOD_Sign] = "da",
    [METHOD_GenerateKey] = "da",
    [METHOD_PutCertificate] = "da",
    [METHOD_SignOnce] = "da",
    [METHOD_Decrypt] = "da",
    [METHOD_Derive] = "da",
    [METHOD_UpdateObject] = "da",
    [METHOD_DeleteObject] = "da",
    [METHOD_GetDeployment] = "dsaowf",
    [METHOD_AddUser] = "o",
    [METHOD_ListUsers] = "o",
    [METHOD_ShowUser] = "o",
    [METHOD_SetUserEnabled] = "o",
    [METHOD_MoveUser] = "o",
    [METHOD_UnlockPin] = "o",
    [METHOD_AddCertificate] = "o",
    [METHOD_GetStatus] = "ow",
    [METHOD_ReadAudit] = "ow",
    [METHOD_GetRecovery] = "da",
    [METHOD_PutRecovery] = "da",
    [METHOD_PutQuorum] = "da",
    [METHOD_RemoveRecovery] = "da",
    [METHOD_CancelRecovery] = "da",
    [METHOD_RecoverPin] = "da",
    [METHOD_FetchRecovery] = "da",
    [METHOD_RequestRecovery] = "da",
    [METHOD_FinishRecovery] = "da",
    [METHOD_ListRecoveries] = "of",
    [METHOD_ContributeShare] = "f",
    [METHOD_EnrolFactor] = "da",
    [METHOD_ConfirmFactor] = "da",
    [METHOD_RemoveFactor] = "da",
    [METHOD_ResetFactor] = "o",
    [METHOD_ResetUser] = "o",
    [METHOD_GetMetrics] = "ow",
    [METHOD_ListAuditLogs] = "ow",
    [METHOD_ReadOwnRecords] = "da",
    [METHOD_RenewCertificate] = "da",
    [METHOD_IssueCertificate] = "o",
    [METHOD_ListIssued] = "ow",
    [METHOD_RevokeCertificate] = "o",
    [METHOD_AskAuthority] = "*",
    [METHOD_SetPolicy] = "o",
    [METHOD_AllowKeys] = "o",
    [METHOD_ListRequests] = "of",
    [METHOD_ApproveRequest] = "of",
    [METHOD_RejectRequest] = "of",
    [METHOD_ListOperators] = "ow",
    [METHOD_SetOperatorEnabled] = "o",
    [METHOD_MakeDeviceCode] = "d",
    [METHOD_ListDevices] = "d",
    [METHOD_RevokeDevice] = "d",
    [METHOD_RenewDevice] = "da",
    [METHOD_AddDeviceCode] = "o",
    [METHOD_RevokeForUser] = "o",
    [METHOD_GetAuthority] = "", /* these four only without a certificate: test_enrolment.c */
    [METHOD_GetEnrolment] = "",
    [METHOD_FetchSecret] = "",
    [METHOD_EnrolDevice] = "",
    [METHOD_AddUsers] = "o",
    [METHOD_DeleteUser] = "o",
    [METHOD_AddGroup] = "o",
    [METHOD_RemoveGroup] = "o",
    [METHOD_ListGroups] = "o",
    [METHOD_ShowGroup] = "o",
    [METHOD_ChangeMembers] = "o",
    [METHOD_SetGrant] = "o",
    [METHOD_ListGrants] = "o",
};
/* clang-format on */

static struct person people[PEOPLE];
static struct raw_client client;

/* ------------------------------------------------------------------------------------------------- people */

static struct access *access_of(void)
{
    return &deployment.service[SIGNER_WRAPPED].access;
}

static void grant_all(const char *principal_name)
{
    struct principal_row principal;
    struct token_row token;

    ck_assert_int_eq(principal_load(access_of(), principal_name, &principal), REASON_NONE);
    ck_assert_int_eq(token_load(access_of(), "alice", &token), REASON_NONE);
    ck_assert_int_eq(grant_put(access_of(), &token, principal.id, GRANT_SEE | GRANT_SIGN | GRANT_MAKE_KEYS),
                     REASON_NONE);
    ck_assert_int_eq(token_save(access_of(), &token), REASON_NONE);
}

/* Registered, and revoked since. */
static void add_revoked(const char *principal_name, enum role role, const struct person *person)
{
    struct principal_certificate_row row = { .role = role, .not_after_ms = INT64_MAX / 2, .revoked = true };
    struct principal_row principal;

    memcpy(row.hash, person->certificate_hash, HASH_LEN);
    ck_assert_int_eq(principal_load(access_of(), principal_name, &principal), REASON_NONE);
    ck_assert_int_eq(principal_add_certificate(access_of(), &principal, &row), REASON_NONE);
}

static void disable(const char *principal_name)
{
    struct principal_row principal;

    ck_assert_int_eq(principal_load(access_of(), principal_name, &principal), REASON_NONE);
    principal.enabled = false;
    ck_assert_int_eq(principal_save(access_of(), &principal), REASON_NONE);
}

static void setup(void)
{
    uint8_t code[ACTIVATION_CODE_LEN];

    deployment_setup();
    raw_start(&client);
    people[DEVICE] = deployment.alice;
    people[OPERATOR] = deployment.operator_;
    for (int who = 0; who < PEOPLE; who++)
        if (!people[who].key)
            deployment_person(&people[who], "/CN=somebody");
    deployment_add_user("stranger", &people[STRANGER], PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    deployment_register("application", "application", &people[APPLICATION]);
    grant_all("application");
    deployment_register("auditor", "auditor", &people[AUDITOR]);
    deployment_register("officer", "officer", &people[OFFICER]);
    add_revoked("alice", ROLE_DEVICE, &people[REVOKED_DEVICE]);
    add_revoked("operator", ROLE_OPERATOR, &people[REVOKED_OPERATOR]);
    deployment_add_user("leaver", &people[DISABLED_DEVICE], PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    grant_all("leaver");
    disable("leaver");
    deployment_register("former", "operator", &people[DISABLED_OPERATOR]);
    disable("former");
}

static void teardown(void)
{
    raw_clear(&client);
    for (int who = 0; who < PEOPLE; who++)
        if (who != DEVICE && who != OPERATOR)
            deployment_person_clear(&people[who]);
    deployment_teardown();
}

/* -------------------------------------------------------------------------------------------------- calls */

/* The request of @id with nothing in it but, where it has one, alice's token. */
static ProtobufCMessage *make_request(enum method_id id)
{
    const ProtobufCMessageDescriptor *descriptor = method_by_id(id)->request;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(descriptor, "token");
    ProtobufCMessage *request = calloc(1, descriptor->sizeof_message);

    ck_assert_ptr_nonnull(request);
    protobuf_c_message_init(descriptor, request);
    if (field && field->type == PROTOBUF_C_TYPE_STRING)
        *(const char **)((uint8_t *)request + field->offset) = "alice";
    return request;
}

static bool is_refused_plain(const struct person *person, enum method_id id, const ProtobufCMessage *request)
{
    struct remote *remote = deployment_remote(person);
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv = remote_plain(remote, id, request, &reply, &error);

    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    remote_free(remote);
    return rv != CKR_OK && error.failure.reason == REASON_NOT_PERMITTED;
}

static bool is_refused_operator(const struct person *person, enum method_id id,
                                const ProtobufCMessage *request)
{
    struct remote_error error = { 0 };
    ProtobufCMessage *reply = NULL;
    CK_RV rv = deployment_operate(person, id, request, &reply, &error);

    if (rv == CKR_OK)
        protobuf_c_message_free_unpacked(reply, NULL);
    return rv != CKR_OK && error.failure.reason == REASON_NOT_PERMITTED;
}

static bool is_refused_sealed(const struct person *person, enum method_id id, const ProtobufCMessage *request)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    struct raw_client caller = { .person = person };

    ck_assert_int_eq(pack_append(request, &packed), 0);
    return raw_sealed(&caller, id, buffer_bytes(&packed), &answer) == GRPC_PERMISSION_DENIED;
}

/* Who gets a lease uses that; all others try with alice's, which they somehow know. */
static bool is_refused_session(const struct person *person, enum method_id id,
                               const ProtobufCMessage *request)
{
    bool has_lease = strchr(may_call[METHOD_Unlock], letters[person - people]) && letters[person - people];
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    enum grpc_status status;

    ck_assert_int_eq(pack_append(request, &packed), 0);
    client.person = has_lease ? person : &people[DEVICE];
    raw_unlock(&client);
    client.person = person;
    status = raw_session(&client, id, buffer_bytes(&packed), &answer);
    return status == GRPC_PERMISSION_DENIED || status == GRPC_UNAUTHENTICATED;
}

typedef bool is_refused_fn(const struct person *person, enum method_id id, const ProtobufCMessage *request);

static is_refused_fn *const is_refused[] = {
    [PROOF_PLAIN] = is_refused_plain,
    [PROOF_SEALED] = is_refused_sealed,
    [PROOF_OPERATOR] = is_refused_operator,
    [PROOF_SESSION] = is_refused_session,
};

START_TEST(every_method_is_for_those_who_stand_in_the_table)
{
    for (enum method_id id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id(id);

        ck_assert_msg(may_call[id] != NULL, "%s: nobody wrote down who may call it", method->name);
        for (int who = 0; who < PEOPLE; who++) {
            ProtobufCMessage *request = make_request(id);
            bool may = strcmp(may_call[id], "*") == 0 || (letters[who] && strchr(may_call[id], letters[who]));

            ck_assert_msg(is_refused[method->proof](&people[who], id, request) == !may, "%s, called by %d",
                          method->name, who);
            free(request);
        }
    }
}
END_TEST

/* Calls everything once as @who. */
static void call_all(enum who who)
{
    for (enum method_id id = 0; id < METHODS; id++) {
        ProtobufCMessage *request = make_request(id);

        (void)is_refused[method_by_id(id)->proof](&people[who], id, request);
        free(request);
    }
}

/* The member @name of @line has @value, or (NULL) any but an empty one and zeros. */
static bool says(const char *line, const char *name, const char *value)
{
    char member[64];
    const char *at;

    snprintf(member, sizeof(member), "\"%s\":\"", name);
    at = strstr(line, member);
    if (!at)
        return false;
    at += strlen(member);
    if (value)
        return strncmp(at, value, strlen(value)) == 0 && at[strlen(value)] == '"';
    return at[strspn(at, "0")] != '"';
}

/* Of a method for callers without a certificate. */
static bool is_anonymous(const char *line)
{
    for (enum method_id id = 0; id < METHODS; id++)
        if (method_is_anonymous(method_by_id(id)) && says(line, "event", service_event(id)))
            return true;
    return false;
}

static void check_record(const char *line)
{
    if (strstr(line, "\"event\":\"checkpoint\"") || strstr(line, "\"event\":\"segment\""))
        return;
    ck_assert_msg(says(line, "event", NULL) && says(line, "result", NULL), "%s", line);
    ck_assert_msg(says(line, "certificate", NULL) || is_anonymous(line), "no certificate: %s", line);
    ck_assert_msg(says(line, "peer", "192.0.2.1"), "no address: %s", line);
    ck_assert_msg(says(line, "request_id", "0123456789abcdef"), "no request id: %s", line);
    ck_assert_msg(strstr(line, "\"latency_us\":") && strstr(line, "\"time_us\":"), "no time: %s", line);
}

START_TEST(every_call_that_matters_leaves_a_record_of_who_from_where_and_how_it_ended)
{
    call_all(DEVICE);
    call_all(OPERATOR);
    call_all(STRANGER);
    for (enum method_id id = 0; id < METHODS; id++) {
        char member[64];

        snprintf(member, sizeof(member), "\"event\":\"%s\"", service_event(id));
        if (service_is_recorded(id, REASON_NONE))
            ck_assert_msg(deployment_records(member) > 0, "%s left no record", method_by_id(id)->name);
    }
    deployment_each_record(check_record);
}
END_TEST

SUITE_WITH_FIXTURE("loopback roles", setup, teardown, every_method_is_for_those_who_stand_in_the_table,
                   every_call_that_matters_leaves_a_record_of_who_from_where_and_how_it_ended);
