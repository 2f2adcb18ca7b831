/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_token.c - slots and tokens.
 *
 * Source: PKCS#11 v3.1 5.5 (Slot and token management functions).
 */
#include <stdlib.h>

#include "module/core/mechanism_use.h"
#include "module/entry/entry.h"

/* The ids of the first @count slots, or of those with a token in them. */
static size_t list_slots(struct call *call, bool is_present_only, CK_SLOT_ID *ids, size_t count)
{
    size_t found = 0;

    for (CK_SLOT_ID id = 0; id < count; id++) {
        struct slot *slot;

        if (slot_table_get(&call->module->slots, id, &slot) == CKR_OK &&
            (!is_present_only || slot_is_present(slot, &call->error)))
            ids[found++] = id;
    }
    return found;
}

static CK_RV get_slot_list(struct call *call, bool is_present_only, struct output output)
{
    CLEANUP(free) void *ids = NULL;
    size_t count;

    slot_table_refresh(&call->module->slots, is_present_only, &call->error);
    count = slot_table_count(&call->module->slots);
    ids = calloc(count + 1, sizeof(CK_SLOT_ID));
    if (!ids)
        return CKR_HOST_MEMORY;
    count = list_slots(call, is_present_only, ids, count);
    return output_write_list(output, ids, count, sizeof(CK_SLOT_ID));
}

ENTRY CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter(&call, __func__), pulCount);

    if (rv == CKR_OK)
        rv = get_slot_list(&call, tokenPresent, OUTPUT(pSlotList, pulCount));
    return call_done(&call, rv);
}

ENTRY CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_slot(&call, __func__, slotID), pInfo);

    if (rv == CKR_OK)
        slot_info(call.slot, pInfo, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO_PTR pInfo)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_slot(&call, __func__, slotID), pInfo);

    if (rv == CKR_OK)
        rv = slot_token_info(call.slot, pInfo, &call.error);
    if (rv == CKR_OK)
        session_table_count(&call.module->sessions, call.slot, &pInfo->ulSessionCount,
                            &pInfo->ulRwSessionCount);
    return call_done(&call, rv);
}

static CK_RV get_mechanism_list(struct call *call, struct output output)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    struct mechanism_list list;
    CK_RV rv = slot_objects(call->slot, ANY_AGE_MS, &set, &call->error);

    if (rv != CKR_OK)
        return rv;
    mechanism_list_offered(object_set_snapshot(set)->content, &list);
    return output_write_list(output, list.type, list.count, sizeof(list.type[0]));
}

ENTRY CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE_PTR pMechanismList, CK_ULONG_PTR pulCount)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_slot(&call, __func__, slotID), pulCount);

    if (rv == CKR_OK)
        rv = get_mechanism_list(&call, OUTPUT(pMechanismList, pulCount));
    return call_done(&call, rv);
}

static CK_RV get_mechanism_info(struct call *call, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const unsigned any_use = ~0u; /* what is listed is described, whatever it is for */
    const struct mechanism *mechanism;
    CK_RV rv = slot_objects(call->slot, ANY_AGE_MS, &set, &call->error);

    if (rv == CKR_OK)
        rv = mechanism_offered(object_set_snapshot(set)->content, type, any_use, &mechanism);
    if (rv == CKR_OK)
        mechanism_describe(mechanism, info);
    return rv;
}

ENTRY CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_slot(&call, __func__, slotID), pInfo);

    if (rv == CKR_OK)
        rv = get_mechanism_info(&call, type, pInfo);
    return call_done(&call, rv);
}

/* Nothing happens at a slot that an application could wait for, and no thread is kept to watch. */
ENTRY CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pReserved)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter(&call, __func__), pSlot && !pReserved);

    if (rv == CKR_OK)
        rv = flags & CKF_DONT_BLOCK ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED;
    return call_done(&call, rv);
}

/* A token and its first PIN are an operator's and an activation code's matter. */
ENTRY CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pLabel)
{
    struct call call;
    CK_RV rv = call_enter_slot(&call, __func__, slotID);

    rv = check_arguments(rv, IS_RUN(pPin, ulPinLen) && pLabel);
    return call_done(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

ENTRY CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen,
                     CK_UTF8CHAR_PTR pNewPin, CK_ULONG ulNewLen)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_session(&call, __func__, hSession), pOldPin && pNewPin);

    if (rv == CKR_OK)
        rv = session_set_pin(call.session, BYTES(pOldPin, ulOldLen), BYTES(pNewPin, ulNewLen), &call.error);
    return call_done(&call, rv);
}
