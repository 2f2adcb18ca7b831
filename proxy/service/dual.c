/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dual.c - the table of what takes two people, and the keeping of what the first one asked for.
 */
#include "proxy/service/dual.h"

#include <string.h>

#include "include/table.h"
#include "proto/dual_class.h"
#include "proto/pack.h"
#include "proxy/service/random.h"
#include "proxy/service/refusal.h"
#include "proxy/service/roles.h"

/*
 * Who may ask and who may approve decides about everything else. So these calls need two people as soon as anything
 * does: else one operator would make the second.
 */
#define OFFICES (1U << DUAL_CLASSES)
#define ALL     (~0U)

#define HOUR_MS 3600000

/* ---------------------------------------------------------------------------------------------- the table */

/* The classes of a request, where they depend on what it says. */
typedef unsigned classes_fn(struct service *service, const ProtobufCMessage *request);

static bool is_office(enum role role)
{
    return role == ROLE_OPERATOR || role == ROLE_OFFICER;
}

/* Whether @name ever had a certificate as operator or officer. Who cannot be looked at is taken for one. */
static bool holds_office(struct access *access, const char *name)
{
    struct principal_certificate_row *rows = NULL;
    struct principal_row principal;
    bool is_found = false;
    size_t count = 0;
    enum reason reason = principal_load(access, name, &principal);

    if (reason == REASON_NOT_FOUND)
        return false;
    if (reason == REASON_NONE)
        reason = principal_certificates(access, &principal, &rows, &count);
    for (size_t i = 0; i < count; i++)
        is_found |= is_office(rows[i].role);
    free(rows);
    return reason != REASON_NONE || is_found;
}

static unsigned of_role(const char *word)
{
    return is_office(role_of_word(word)) ? OFFICES : DUAL_BIT(DUAL_DEVICE);
}

static unsigned of_certificate(struct service *service, const ProtobufCMessage *request)
{
    (void)service;
    return of_role(((const Privyseal__V1__AddCertificateRequest *)request)->role);
}

/* A client's certificate is registered as it is issued: that is what counts about it. */
static unsigned of_issue(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__IssueCertificateRequest *ask =
        (const Privyseal__V1__IssueCertificateRequest *)request;

    (void)service;
    return ask->profile == PRIVYSEAL__V1__CERTIFICATE_PROFILE__PROFILE_CLIENT ? of_role(ask->role)
                                                                              : DUAL_BIT(DUAL_CERTIFICATE);
}

/* Who lets keys be made without a permit decides about keys. */
static unsigned of_policy(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__SetPolicyRequest *ask = (const Privyseal__V1__SetPolicyRequest *)request;

    (void)service;
    for (size_t i = 0; i < ask->n_set; i++)
        if (strcmp(ask->set[i], "keys_need_permit") == 0)
            return DUAL_BIT(DUAL_POLICY) | DUAL_BIT(DUAL_KEY);
    return DUAL_BIT(DUAL_POLICY);
}

/* New users, with what is decided about their policies and about who sees their tokens. */
static unsigned of_add_users(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__AddUsersRequest *ask = (const Privyseal__V1__AddUsersRequest *)request;
    unsigned classes = DUAL_BIT(DUAL_ENROL);

    (void)service;
    for (size_t i = 0; i < ask->n_user; i++) {
        if (ask->user[i]->n_set)
            classes |= DUAL_BIT(DUAL_POLICY) | DUAL_BIT(DUAL_KEY);
        if (ask->user[i]->n_group)
            classes |= DUAL_BIT(DUAL_POLICY);
    }
    return classes;
}

static unsigned of_delete(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__DeleteUserRequest *ask = (const Privyseal__V1__DeleteUserRequest *)request;

    return DUAL_BIT(DUAL_DELETE) | (holds_office(&service->access, ask->user) ? OFFICES : 0);
}

/* To take something back needs nobody else. */
static unsigned of_members(struct service *service, const ProtobufCMessage *request)
{
    (void)service;
    return ((const Privyseal__V1__ChangeMembersRequest *)request)->remove ? 0 : DUAL_BIT(DUAL_POLICY);
}

static unsigned of_grant(struct service *service, const ProtobufCMessage *request)
{
    (void)service;
    return ((const Privyseal__V1__SetGrantRequest *)request)->bits ? DUAL_BIT(DUAL_POLICY) : 0;
}

/*
 * Whoever sees something wrong disables at once; that is undone by two. Enabling takes certificates back from the lists
 * of those on hold, whoever put them there: of_revocation().
 */
static unsigned of_user_enabled(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__SetUserEnabledRequest *ask = (const Privyseal__V1__SetUserEnabledRequest *)request;

    if (!ask->enabled)
        return 0;
    return DUAL_BIT(DUAL_ENROL) | DUAL_BIT(DUAL_CERTIFICATE) |
           (holds_office(&service->access, ask->user) ? OFFICES : 0);
}

static unsigned of_operator_enabled(struct service *service, const ProtobufCMessage *request)
{
    (void)service;
    return ((const Privyseal__V1__SetOperatorEnabledRequest *)request)->enabled ? OFFICES : 0;
}

/* Whoever sees something wrong revokes at once; taking that back is letting in again. */
static unsigned of_revocation(struct service *service, const ProtobufCMessage *request)
{
    const Privyseal__V1__RevokeCertificateRequest *ask =
        (const Privyseal__V1__RevokeCertificateRequest *)request;

    (void)service;
    return strcmp(ask->reason, "removeFromCRL") == 0 ? DUAL_BIT(DUAL_CERTIFICATE) : 0;
}

struct row {
    bool is_judged;
    unsigned classes;   /* DUAL_BIT()s and OFFICES; any of them is enough */
    classes_fn *depend; /* instead of @classes */
};

#define ONE_PERSON                                                                                           \
    {                                                                                                        \
        .is_judged = true                                                                                    \
    }
#define CLASSES(x)                                                                                           \
    {                                                                                                        \
        .is_judged = true, .classes = (x)                                                                    \
    }
#define DEPENDS(fn)                                                                                          \
    {                                                                                                        \
        .is_judged = true, .depend = (fn)                                                                    \
    }

static const struct row rows[METHODS] = {
    [METHOD_AddUser] = CLASSES(DUAL_BIT(DUAL_ENROL)),
    [METHOD_AddUsers] = DEPENDS(of_add_users),
    [METHOD_DeleteUser] = DEPENDS(of_delete),
    [METHOD_AddGroup] = ONE_PERSON, /* without members and grants it gives nobody anything */
    [METHOD_RemoveGroup] = ONE_PERSON,
    [METHOD_ListGroups] = ONE_PERSON,
    [METHOD_ShowGroup] = ONE_PERSON,
    [METHOD_ChangeMembers] = DEPENDS(of_members),
    [METHOD_SetGrant] = DEPENDS(of_grant),
    [METHOD_ListGrants] = ONE_PERSON,
    [METHOD_ListUsers] = ONE_PERSON,
    [METHOD_ShowUser] = ONE_PERSON,
    [METHOD_SetUserEnabled] = DEPENDS(of_user_enabled),
    [METHOD_MoveUser] = CLASSES(DUAL_BIT(DUAL_ENROL)), /* a custody was chosen when the user was added */
    [METHOD_UnlockPin] = CLASSES(DUAL_BIT(DUAL_UNLOCK)),
    [METHOD_AddCertificate] = DEPENDS(of_certificate),
    [METHOD_IssueCertificate] = DEPENDS(of_issue),
    [METHOD_ListIssued] = ONE_PERSON,
    [METHOD_RevokeCertificate] = DEPENDS(of_revocation),
    [METHOD_SetPolicy] = DEPENDS(of_policy),
    [METHOD_ResetFactor] = CLASSES(DUAL_BIT(DUAL_RESET)),
    [METHOD_AllowKeys] = CLASSES(DUAL_BIT(DUAL_KEY)),
    [METHOD_GetStatus] = ONE_PERSON,
    [METHOD_ReadAudit] = ONE_PERSON,
    [METHOD_GetMetrics] = ONE_PERSON,
    [METHOD_ListAuditLogs] = ONE_PERSON,
    [METHOD_ListRequests] = ONE_PERSON,
    [METHOD_ApproveRequest] = ONE_PERSON, /* is the second */
    [METHOD_RejectRequest] = ONE_PERSON,
    [METHOD_ListRecoveries] = ONE_PERSON,
    [METHOD_ContributeShare] = ONE_PERSON, /* takes a quorum of officers anyway */
    [METHOD_ListOperators] = ONE_PERSON,
    [METHOD_ResetUser] = CLASSES(DUAL_BIT(DUAL_RESET)),
    [METHOD_SetOperatorEnabled] = DEPENDS(of_operator_enabled),
    [METHOD_AddDeviceCode] = CLASSES(DUAL_BIT(DUAL_DEVICE)),
    [METHOD_RevokeForUser] = ONE_PERSON, /* a lost device cannot wait */
};

bool dual_is_judged(enum method_id id)
{
    return id < METHODS && rows[id].is_judged;
}

bool dual_may_keep(enum method_id id)
{
    return dual_is_judged(id) && (rows[id].classes || rows[id].depend);
}

bool dual_is_needed(struct service *service, const struct method *method, const ProtobufCMessage *request)
{
    unsigned two_for = service->config->two_for;
    const struct row *row = &rows[method->id];
    unsigned classes = row->is_judged ? row->classes : ALL;

    if (method->proof != PROOF_OPERATOR || !two_for)
        return false;
    if (row->depend)
        classes = row->depend(service, request);
    return (classes & (two_for | OFFICES)) != 0;
}

/* ---------------------------------------------------------------------------------------------- the keeping */

const char *dual_subject(const ProtobufCMessage *request)
{
    static const char *const names[] = { "user", "principal", "owner", "name", "token", "group" };
    const char *const *name;

    for (EACH_ROW(name, names)) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(request->descriptor, *name);

        if (field && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED)
            return *(const char *const *)((const uint8_t *)request + field->offset);
    }
    return "";
}

static enum reason fill_row(struct service *service, const struct call *call, const ProtobufCMessage *request,
                            struct request_row *row)
{
    row->created_ms = call->now_ms;
    row->expires_ms = call->now_ms + (int64_t)service->config->request_hours * HOUR_MS;
    strcpy(row->method, call->method->name);
    memcpy(row->certificate, call->caller.certificate_hash, HASH_LEN);
    return random_fill(row->name, sizeof(row->name)) < 0 || pack_append(request, &row->body) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}

/* What the same person asked for in the same words, and nobody has decided yet. */
static const struct request_row *find_same(const struct requests *requests, const struct request_row *row)
{
    for (size_t i = 0; i < requests->count; i++) {
        const struct request_row *other = &requests->rows[i];

        if (request_is_open(other, row->created_ms) && strcmp(other->method, row->method) == 0 &&
            memcmp(other->certificate, row->certificate, HASH_LEN) == 0 &&
            bytes_equal(buffer_bytes(&other->body), buffer_bytes(&row->body)))
            return other;
    }
    return NULL;
}

static enum reason keep(struct access *access, const char *requester, struct request_row *row)
{
    CLEANUP(requests_clear) struct requests requests = { 0 };
    enum reason reason = requests_load(access, requester, &requests);
    const struct request_row *same = reason == REASON_NONE ? find_same(&requests, row) : NULL;

    if (same)
        memcpy(row->name, same->name, sizeof(row->name));
    else if (reason == REASON_NONE)
        reason = requests_add(access, &requests, row);
    return reason;
}

static enum reason store_row(struct access *access, const char *requester, struct request_row *row)
{
    enum reason reason = refusal_of_store(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    reason = keep(access, requester, row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(access->store));
    if (reason != REASON_NONE)
        store_rollback(access->store);
    return reason;
}

enum reason dual_hold(struct service *service, struct call *call, const ProtobufCMessage *request)
{
    CLEANUP(request_row_clear) struct request_row row = { 0 };
    char name[2 * APPROVAL_ID_LEN + 1];
    enum reason reason = fill_row(service, call, request, &row);

    if (reason == REASON_NONE)
        reason = store_row(&service->access, call->caller.principal.name, &row);
    if (reason != REASON_NONE)
        return reason;
    memcpy(call->failure.approval, row.name, APPROVAL_ID_LEN);
    call->failure.has_approval = true;
    hex_encode(BYTES_OF_ARRAY(row.name), name);
    snprintf(call->text.note, sizeof(call->text.note), "request %s", name);
    call->record.note = call->text.note;
    call->record.token = dual_subject(request);
    return REASON_APPROVAL_NEEDED;
}
