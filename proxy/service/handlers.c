/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handlers.c - which function answers a method, and what of it the audit log gets.
 */
#include "proxy/service/handlers.h"

#include <assert.h>

static service_handler *const handlers[METHODS] = {
#define METHOD(service, name, proof, permission, repeat, deadline, request_max, reply_max)                   \
    [METHOD_##name] = handle_##name,
#include "proto/methods.def"
#undef METHOD
};

struct event {
    const char *name;
    enum record_when when;
};

/* Reads that anybody with a certificate makes all day leave no record; everything that changes or decides does. */
static const struct event events[METHODS] = {
    [METHOD_ListTokens] = { "token.list", RECORD_NEVER },
    [METHOD_GetToken] = { "token.get", RECORD_NEVER },
    [METHOD_SetPin] = { "pin.set", RECORD_ALWAYS },
    [METHOD_Unlock] = { "unlock", RECORD_ALWAYS },
    [METHOD_ChangePin] = { "pin.change", RECORD_ALWAYS },
    [METHOD_Lock] = { "lock", RECORD_ALWAYS },
    [METHOD_Sign] = { "sign", RECORD_ALWAYS },
    [METHOD_GenerateKey] = { "key.generate", RECORD_ALWAYS },
    [METHOD_PutCertificate] = { "certificate.put", RECORD_ALWAYS },
    [METHOD_SignOnce] = { "sign.once", RECORD_ALWAYS },
    [METHOD_Decrypt] = { "decrypt", RECORD_ALWAYS },
    [METHOD_Derive] = { "derive", RECORD_ALWAYS },
    [METHOD_UpdateObject] = { "object.update", RECORD_ALWAYS },
    [METHOD_DeleteObject] = { "object.delete", RECORD_ALWAYS },
    [METHOD_GetRecovery] = { "recovery.get", RECORD_NEVER },
    [METHOD_PutRecovery] = { "recovery.code", RECORD_ALWAYS },
    [METHOD_PutQuorum] = { "recovery.quorum", RECORD_ALWAYS },
    [METHOD_RemoveRecovery] = { "recovery.remove", RECORD_ALWAYS },
    [METHOD_CancelRecovery] = { "recovery.cancel", RECORD_ALWAYS },
    [METHOD_RecoverPin] = { "pin.recover", RECORD_ALWAYS },
    [METHOD_FetchRecovery] = { "recovery.fetch", RECORD_ALWAYS },
    [METHOD_RequestRecovery] = { "recovery.request", RECORD_ALWAYS },
    [METHOD_FinishRecovery] = { "recovery.finish", RECORD_ALWAYS },
    [METHOD_EnrolFactor] = { "factor.enrol", RECORD_ALWAYS },
    [METHOD_ConfirmFactor] = { "factor.confirm", RECORD_ALWAYS },
    [METHOD_RemoveFactor] = { "factor.remove", RECORD_ALWAYS },
    [METHOD_GetDeployment] = { "deployment.get", RECORD_NEVER },
    [METHOD_AddUser] = { "user.add", RECORD_ALWAYS },
    [METHOD_ListUsers] = { "user.list", RECORD_REFUSED },
    [METHOD_ShowUser] = { "user.show", RECORD_REFUSED },
    [METHOD_SetUserEnabled] = { "user.enable", RECORD_ALWAYS },
    [METHOD_MoveUser] = { "user.move", RECORD_ALWAYS },
    [METHOD_UnlockPin] = { "pin.unlock", RECORD_ALWAYS },
    [METHOD_AddCertificate] = { "device.add", RECORD_ALWAYS },
    [METHOD_AddUsers] = { "user.add_many", RECORD_ALWAYS },
    [METHOD_DeleteUser] = { "user.delete", RECORD_ALWAYS },
    [METHOD_AddGroup] = { "group.add", RECORD_ALWAYS },
    [METHOD_RemoveGroup] = { "group.remove", RECORD_ALWAYS },
    [METHOD_ListGroups] = { "group.list", RECORD_REFUSED },
    [METHOD_ShowGroup] = { "group.show", RECORD_REFUSED },
    [METHOD_ChangeMembers] = { "group.members", RECORD_ALWAYS },
    [METHOD_SetGrant] = { "grant.set", RECORD_ALWAYS },
    [METHOD_ListGrants] = { "grant.list", RECORD_REFUSED },
    [METHOD_SetPolicy] = { "policy.set", RECORD_ALWAYS },
    [METHOD_AskAuthority] = { "authority.ask", RECORD_NEVER },
    [METHOD_ListIssued] = { "certificate.list", RECORD_REFUSED },
    [METHOD_RevokeCertificate] = { "certificate.revoke", RECORD_ALWAYS },
    [METHOD_RenewCertificate] = { "certificate.renew", RECORD_ALWAYS },
    [METHOD_IssueCertificate] = { "certificate.issue", RECORD_ALWAYS },
    [METHOD_ResetFactor] = { "factor.reset", RECORD_ALWAYS },
    [METHOD_GetStatus] = { "status.get", RECORD_REFUSED },
    [METHOD_ReadAudit] = { "audit.read", RECORD_ALWAYS },
    [METHOD_ReadOwnRecords] = { "audit.own", RECORD_REFUSED },
    [METHOD_GetMetrics] = { "metrics.get", RECORD_REFUSED },
    [METHOD_ListAuditLogs] = { "audit.list", RECORD_REFUSED },
    [METHOD_AllowKeys] = { "key.allow", RECORD_ALWAYS },
    [METHOD_ListRequests] = { "request.list", RECORD_REFUSED },
    [METHOD_ApproveRequest] = { "request.approve", RECORD_ALWAYS },
    [METHOD_RejectRequest] = { "request.reject", RECORD_ALWAYS },
    [METHOD_ListOperators] = { "operator.list", RECORD_REFUSED },
    [METHOD_SetOperatorEnabled] = { "operator.enable", RECORD_ALWAYS },
    [METHOD_ListRecoveries] = { "recovery.list", RECORD_REFUSED },
    [METHOD_ResetUser] = { "user.reset", RECORD_ALWAYS },
    [METHOD_ContributeShare] = { "recovery.share", RECORD_ALWAYS },
    [METHOD_MakeDeviceCode] = { "device.code", RECORD_ALWAYS },
    [METHOD_ListDevices] = { "device.list", RECORD_REFUSED },
    [METHOD_RevokeDevice] = { "device.revoke", RECORD_ALWAYS },
    [METHOD_RenewDevice] = { "device.renew", RECORD_ALWAYS },
    [METHOD_AddDeviceCode] = { "device.code.add", RECORD_ALWAYS },
    [METHOD_RevokeForUser] = { "device.revoke.user", RECORD_ALWAYS },
    [METHOD_GetAuthority] = { "enrolment.authority", RECORD_NEVER },
    [METHOD_GetEnrolment] = { "enrolment.get", RECORD_NEVER },
    [METHOD_FetchSecret] = { "device.secret", RECORD_ALWAYS },
    [METHOD_EnrolDevice] = { "device.enrol", RECORD_ALWAYS },
};

/* Refusals that say nothing about anybody: the client takes what they bring and asks again. */
static const bool is_routine[REASONS] = {
    [REASON_UNLOCK_REQUIRED] = true, [REASON_CHALLENGE_STALE] = true,
    [REASON_PIN_CHANGED] = true,     [REASON_BUSY] = true,
    [REASON_UNAVAILABLE] = true,     [REASON_DEADLINE] = true,
};

service_handler *service_handler_of(enum method_id id)
{
    assert(id < METHODS);
    return handlers[id];
}

const char *service_event(enum method_id id)
{
    assert(id < METHODS);
    return events[id].name;
}

bool service_is_recorded(enum method_id id, enum reason reason)
{
    assert(id < METHODS && reason < REASONS);
    if (reason == REASON_INTEGRITY)
        return true; /* somebody wrote to the database: an auditor wants every trace of it */
    switch (events[id].when) {
    case RECORD_ALWAYS:
        return !is_routine[reason];
    case RECORD_REFUSED:
        return reason != REASON_NONE && !is_routine[reason];
    case RECORD_NEVER:
        break;
    }
    return false;
}
