/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - finding objects, reading them, making them.
 *
 * Source: PKCS#11 v3.1 5.7 (Object management functions), 5.18.2 (C_GenerateKeyPair).
 */
#include "module/core/attribute.h"
#include "module/core/create.h"
#include "module/core/lock.h"
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

static CK_RV find_init(struct call *call, const CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    bool is_logged_in = slot_is_logged_in(call->slot);
    CK_RV rv = slot_objects(call->slot, LISTING_AGE_MS, &set, &call->error);

    if (rv != CKR_OK)
        return slot_session_rv(call->slot, rv);
    LOCKED(&call->session->lock);
    return search_start(&call->session->search, set, is_logged_in, wanted, count);
}

ENTRY CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, is_template(pTemplate, ulCount));
    if (rv == CKR_OK)
        rv = find_init(&call, pTemplate, ulCount);
    return call_done(&call, rv);
}

static CK_RV find_next(struct session *session, CK_OBJECT_HANDLE *handles, CK_ULONG max, CK_ULONG *count)
{
    LOCKED(&session->lock);
    return search_next(&session->search, handles, max, count);
}

ENTRY CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject,
                          CK_ULONG ulMaxObjectCount, CK_ULONG_PTR pulObjectCount)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(phObject, ulMaxObjectCount) && pulObjectCount);
    if (rv == CKR_OK)
        rv = find_next(call.session, phObject, ulMaxObjectCount, pulObjectCount);
    return call_done(&call, rv);
}

static CK_RV find_final(struct session *session)
{
    LOCKED(&session->lock);
    return search_end(&session->search);
}

ENTRY CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = find_final(call.session);
    return call_done(&call, rv);
}

/* ------------------------------------------------------------------------------------------------ reading */

static CK_RV get_attributes(struct call *call, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    CLEANUP(object_set_unref) struct object_set *set = slot_known_objects(call->slot);
    const struct object *object = NULL;

    if (set)
        object = object_set_find(set, handle, slot_is_logged_in(call->slot));
    return object ? attribute_read(object, wanted, count) : CKR_OBJECT_HANDLE_INVALID;
}

ENTRY CK_RV C_GetAttributeValue(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject,
                                CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
    struct call call;
    CK_RV rv = check_arguments(call_enter_session(&call, __func__, hSession), pTemplate && ulCount);

    if (rv == CKR_OK)
        rv = get_attributes(&call, hObject, pTemplate, ulCount);
    return call_done(&call, rv);
}

/* ------------------------------------------------------------------------------------------------- making */

static CK_RV create_object(struct call *call, struct template template, CK_OBJECT_HANDLE *ret)
{
    for (size_t i = 0; i < template.count; i++) {
        static const CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
        const CK_ATTRIBUTE *attribute = &template.attributes[i];

        if (attribute->type != CKA_CLASS)
            continue;
        /* Keys are born in the HSM; none is brought in. */
        if (!bytes_equal(BYTES(attribute->pValue, attribute->ulValueLen),
                         BYTES(&certificate, sizeof(certificate))))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        return create_certificate(call->session, template, ret, &call->error);
    }
    return CKR_TEMPLATE_INCOMPLETE;
}

ENTRY CK_RV C_CreateObject(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
                           CK_OBJECT_HANDLE_PTR phObject)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, is_template(pTemplate, ulCount) && phObject);
    if (rv == CKR_OK)
        rv = create_object(&call, (struct template){ pTemplate, ulCount }, phObject);
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
