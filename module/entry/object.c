/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - finding objects, reading them, making, renaming and destroying them.
 *
 * Source: PKCS#11 v3.1 5.7 (Object management functions), 5.18.2 (C_GenerateKeyPair), 5.18.5 (C_DeriveKey).
 */
#include "module/core/attribute.h"
#include "module/core/derive.h"
#include "module/core/modify.h"
#include "module/entry/entry.h"

/* ---------------------------------------------------------------------------------------------- searching */

/* Every value must be readable: a length without a pointer is a mistake of the caller's. */
static bool is_template(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    if (!IS_RUN(attributes, count))
        return false;
    for (CK_ULONG i = 0; i < count; i++) {
        if (!IS_RUN(attributes[i].pValue, attributes[i].ulValueLen))
            return false;
    }
    return true;
}

ENTRY CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, is_template(pTemplate, ulCount));
    if (rv == CKR_OK)
        rv = session_find_start(call.session, pTemplate, ulCount, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject,
                          CK_ULONG ulMaxObjectCount, CK_ULONG_PTR pulObjectCount)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(phObject, ulMaxObjectCount) && pulObjectCount);
    if (rv == CKR_OK)
        rv = session_find_next(call.session, phObject, ulMaxObjectCount, pulObjectCount);
    return call_done(&call, rv);
}

ENTRY CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = session_find_end(call.session);
    return call_done(&call, rv);
}

/* ------------------------------------------------------------------------------------------------ reading */

/* What an object lends from: one of the two is not NULL. */
struct found {
    struct object_set *set;
    struct secret_object *secret;
    const struct object *object;
};

static void found_clear(struct found *found)
{
    object_set_unref(found->set);
    secret_object_unref(found->secret);
}
DEFINE_CLEAR(found_clear, struct found);

/* Looks @handle up in what is known of the token: no question to the server, for NSS asks by the dozen. */
static CK_RV find_object(struct call *call, CK_OBJECT_HANDLE handle, struct found *ret)
{
    ret->secret = slot_secret_get(call->slot, handle);
    ret->set = ret->secret ? NULL : slot_known_objects(call->slot);
    if (ret->secret)
        ret->object = &ret->secret->object;
    else if (ret->set)
        ret->object = object_set_find(ret->set, handle, slot_is_logged_in(call->slot));
    return ret->object ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

ENTRY CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                                CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    CLEANUP(found_clear) struct found found = { 0 };
    struct call call;
    CK_RV rv = check_arguments(call_enter_session(&call, __func__, hSession), pTemplate && ulCount);

    if (rv == CKR_OK)
        rv = find_object(&call, hObject, &found);
    if (rv == CKR_OK)
        rv = attribute_read(found.object, pTemplate, ulCount);
    return call_done(&call, rv);
}

ENTRY CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize)
{
    CLEANUP(found_clear) struct found found = { 0 };
    struct call call;
    CK_RV rv = check_arguments(call_enter_session(&call, __func__, hSession), pulSize);

    if (rv == CKR_OK)
        rv = find_object(&call, hObject, &found);
    if (rv == CKR_OK)
        *pulSize = attribute_total_len(found.object);
    return call_done(&call, rv);
}

/* ------------------------------------------------------------------------------------------------- making */

ENTRY CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                           CK_OBJECT_HANDLE_PTR phObject)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, is_template(pTemplate, ulCount) && phObject);
    if (rv == CKR_OK)
        rv = create_object(call.session, (struct template){ pTemplate, ulCount }, phObject, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                              CK_ATTRIBUTE_PTR pPublicKeyTemplate, CK_ULONG ulPublicKeyAttributeCount,
                              CK_ATTRIBUTE_PTR pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount,
                              CK_OBJECT_HANDLE_PTR phPublicKey, CK_OBJECT_HANDLE_PTR phPrivateKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, pMechanism && phPublicKey && phPrivateKey &&
                                 is_template(pPublicKeyTemplate, ulPublicKeyAttributeCount) &&
                                 is_template(pPrivateKeyTemplate, ulPrivateKeyAttributeCount));
    if (rv == CKR_OK)
        rv = create_key_pair(call.session, pMechanism,
                             (struct template){ pPublicKeyTemplate, ulPublicKeyAttributeCount },
                             (struct template){ pPrivateKeyTemplate, ulPrivateKeyAttributeCount },
                             phPublicKey, phPrivateKey, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hBaseKey,
                        CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE_PTR phKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, pMechanism && is_template(pTemplate, ulAttributeCount) && phKey);
    if (rv == CKR_OK)
        rv = derive_key(call.session, pMechanism, hBaseKey, (struct template){ pTemplate, ulAttributeCount },
                        phKey, &call.error);
    return call_done(&call, rv);
}

/* ----------------------------------------------------------------------------------------------- changing */

ENTRY CK_RV C_SetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                                CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, pTemplate && ulCount && is_template(pTemplate, ulCount));
    if (rv == CKR_OK)
        rv = modify_attributes(call.session, hObject, (struct template){ pTemplate, ulCount }, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = modify_destroy(call.session, hObject, &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate,
                         CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phNewObject)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, is_template(pTemplate, ulCount) && phNewObject);
    if (rv == CKR_OK)
        rv = modify_copy(call.session, hObject);
    return call_done(&call, rv);
}
