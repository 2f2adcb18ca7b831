/* SPDX-License-Identifier: Apache-2.0 */
/* method.c - methods.def as a table, and the one look at a request that the front takes. */
#include "proto/method.h"

#include <assert.h>
#include <string.h>

#include "include/table.h"
#include "proto/privyseal.pb-c.h"

/* protobuf-c writes names in snake case, which no macro can make of a name: a new row needs its line here. */
#define SNAKE_ListTokens        list_tokens
#define SNAKE_GetToken          get_token
#define SNAKE_SetPin            set_pin
#define SNAKE_Unlock            unlock
#define SNAKE_ChangePin         change_pin
#define SNAKE_Lock              lock
#define SNAKE_Sign              sign
#define SNAKE_GenerateKey       generate_key
#define SNAKE_PutCertificate    put_certificate
#define SNAKE_SignOnce          sign_once
#define SNAKE_Decrypt           decrypt
#define SNAKE_Derive            derive
#define SNAKE_AskAuthority      ask_authority
#define SNAKE_ListIssued        list_issued
#define SNAKE_RevokeCertificate revoke_certificate
#define SNAKE_RenewCertificate  renew_certificate
#define SNAKE_IssueCertificate  issue_certificate
#define SNAKE_UpdateObject      update_object
#define SNAKE_DeleteObject      delete_object
#define SNAKE_GetRecovery       get_recovery
#define SNAKE_PutRecovery       put_recovery
#define SNAKE_PutQuorum         put_quorum
#define SNAKE_RemoveRecovery    remove_recovery
#define SNAKE_CancelRecovery    cancel_recovery
#define SNAKE_RecoverPin        recover_pin
#define SNAKE_FetchRecovery     fetch_recovery
#define SNAKE_RequestRecovery   request_recovery
#define SNAKE_FinishRecovery    finish_recovery
#define SNAKE_EnrolFactor       enrol_factor
#define SNAKE_ConfirmFactor     confirm_factor
#define SNAKE_RemoveFactor      remove_factor
#define SNAKE_ResetFactor       reset_factor
#define SNAKE_GetDeployment     get_deployment
#define SNAKE_AddUser           add_user
#define SNAKE_ListUsers         list_users
#define SNAKE_ShowUser          show_user
#define SNAKE_SetUserEnabled    set_user_enabled
#define SNAKE_UnlockPin         unlock_pin
#define SNAKE_AddCertificate    add_certificate
#define SNAKE_SetPolicy         set_policy
#define SNAKE_GetStatus         get_status
#define SNAKE_ReadAudit         read_audit
#define SNAKE_GetMetrics        get_metrics
#define SNAKE_ListAuditLogs     list_audit_logs
#define SNAKE_ReadOwnRecords    read_own_records
#define SNAKE_ListRecoveries    list_recoveries
#define SNAKE_ContributeShare   contribute_share
#define SNAKE_MakeDeviceCode    make_device_code
#define SNAKE_ListDevices       list_devices
#define SNAKE_RevokeDevice      revoke_device
#define SNAKE_RenewDevice       renew_device
#define SNAKE_MoveUser          move_user
#define SNAKE_AddDeviceCode     add_device_code
#define SNAKE_RevokeForUser     revoke_for_user
#define SNAKE_GetAuthority      get_authority
#define SNAKE_GetEnrolment      get_enrolment
#define SNAKE_FetchSecret       fetch_secret
#define SNAKE_EnrolDevice       enrol_device
#define SNAKE_AddUsers          add_users
#define SNAKE_DeleteUser        delete_user
#define SNAKE_AddGroup          add_group
#define SNAKE_RemoveGroup       remove_group
#define SNAKE_ListGroups        list_groups
#define SNAKE_ShowGroup         show_group
#define SNAKE_ChangeMembers     change_members
#define SNAKE_SetGrant          set_grant
#define SNAKE_ListGrants        list_grants
#define SNAKE_ResetUser         reset_user

#define SNAKE_ListRequests       list_requests
#define SNAKE_ApproveRequest     approve_request
#define SNAKE_RejectRequest      reject_request
#define SNAKE_ListOperators      list_operators
#define SNAKE_SetOperatorEnabled set_operator_enabled
#define SNAKE_AllowKeys          allow_keys

#define DESCRIPTOR(snake, kind)  DESCRIPTOR_(snake, kind) /* once more, so that SNAKE_x is replaced first */
#define DESCRIPTOR_(snake, kind) privyseal__v1__##snake##_##kind##__descriptor

static const struct method methods[METHODS] = {
#define METHOD(service_, name_, proof_, permission_, repeat_, deadline_, request_max_, reply_max_)           \
    [METHOD_##name_] = {                                                                                     \
        .id = METHOD_##name_,                                                                                \
        .service = #service_,                                                                                \
        .name = #name_,                                                                                      \
        .path = "/privyseal.v1." #service_ "/" #name_,                                                       \
        .proof = PROOF_##proof_,                                                                             \
        .permission = permission_,                                                                           \
        .repeat = repeat_,                                                                                   \
        .deadline_ms = deadline_,                                                                            \
        .request_max = request_max_,                                                                         \
        .reply_max = reply_max_,                                                                             \
        .request = &DESCRIPTOR(SNAKE_##name_, request),                                                      \
        .reply = &DESCRIPTOR(SNAKE_##name_, response),                                                       \
    },
#include "proto/methods.def"
#undef METHOD
};

const struct method *method_by_id(enum method_id id)
{
    assert((unsigned)id < METHODS);
    return &methods[id];
}

const struct method *method_by_path(const char *path)
{
    const struct method *row;

    for (EACH_ROW(row, methods))
        if (strcmp(row->path, path) == 0)
            return row;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ routing */

/* Protobuf's wire types ("Encoding", protobuf.dev): how the end of a field is found. */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_RUN = 2, WIRE_FIXED32 = 5 };

/* Which field names a signer with its first two bytes; 0: none does. */
static const uint32_t route_fields[] = {
    [PROOF_PLAIN] = 0,
    [PROOF_SEALED] = 2,   /* Sealed.challenge */
    [PROOF_OPERATOR] = 2, /* Sealed.challenge */
    [PROOF_SESSION] = 1,  /* Session.lease */
};

static uint64_t read_varint(struct reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_u8(reader);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    reader->failed = true; /* more than ten bytes */
    return 0;
}

/* The content of one field after its tag: the bytes of a run, nothing for the others. */
static struct bytes read_field(struct reader *reader, enum wire_type type)
{
    uint64_t len;

    switch (type) {
    case WIRE_VARINT:
        read_varint(reader);
        return BYTES_NONE;
    case WIRE_FIXED64:
        reader_run(reader, 8);
        return BYTES_NONE;
    case WIRE_FIXED32:
        reader_run(reader, 4);
        return BYTES_NONE;
    case WIRE_RUN:
        len = read_varint(reader);
        if (len <= reader->rest.len)
            return reader_run(reader, (size_t)len);
    }
    reader->failed = true; /* a length beyond the end, or a type that proto3 does not have */
    return BYTES_NONE;
}

int method_route(const struct method *method, struct bytes body)
{
    uint32_t wanted = route_fields[method->proof];
    struct reader reader = reader_of(body);
    struct bytes found = BYTES_NONE;

    if (!wanted)
        return -1;
    while (!reader_done(&reader) && !reader.failed) {
        uint64_t tag = read_varint(&reader);
        struct bytes run = read_field(&reader, tag & 7);

        if (tag == (wanted << 3 | WIRE_RUN))
            found = run; /* the last one counts, as it will for the signer that unpacks the message */
    }
    if (reader.failed || found.len < 2)
        return -1;
    return found.data[0] << 8 | found.data[1];
}
