/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_session.c - PKCS#11 calls in one session. */
#include "proxy/hsm/hsm_session.h"

#include <assert.h>
#include <string.h>

#define GCM_TAG_LEN     16
#define WRAPPED_KEY_MAX 16384 /* bytes: far above RSA-4096 in PKCS#8 */

CK_RV hsm_session_open(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot, CK_FLAGS flags, struct hsm_session *ret)
{
    CK_SESSION_HANDLE handle;
    CK_RV rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &handle);

    if (rv == CKR_OK)
        *ret = (struct hsm_session){ .p11 = p11, .handle = handle };
    return rv;
}

void hsm_session_close(struct hsm_session *session)
{
    if (session->p11)
        session->p11->C_CloseSession(session->handle);
    *session = (struct hsm_session){ 0 };
}

CK_RV hsm_session_sign(const struct hsm_session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                       struct bytes data, uint8_t *ret, size_t *ret_len)
{
    CK_ULONG len = *ret_len;
    CK_RV rv;

    rv = session->p11->C_SignInit(session->handle, mechanism, key);
    if (rv != CKR_OK)
        return rv;
    rv = session->p11->C_Sign(session->handle, (CK_BYTE *)data.data, data.len, ret, &len);
    if (rv != CKR_OK)
        return rv;
    if (len > *ret_len)
        return CKR_DEVICE_ERROR;
    *ret_len = len;
    return CKR_OK;
}

/* v3.1 6.13.4 (AES with Galois/Counter Mode). The header's structure has no const. */
static CK_GCM_PARAMS gcm_params(struct bytes nonce, struct bytes aad)
{
    assert(aad.len > 0);
    return (CK_GCM_PARAMS){
        .pIv = (CK_BYTE *)nonce.data,
        .ulIvLen = nonce.len,
        .ulIvBits = 8 * nonce.len,
        .pAAD = (CK_BYTE *)aad.data,
        .ulAADLen = aad.len,
        .ulTagBits = 8 * GCM_TAG_LEN,
    };
}

CK_RV hsm_session_encrypt(const struct hsm_session *session, CK_OBJECT_HANDLE key, struct bytes nonce,
                          struct bytes aad, struct bytes plaintext, struct buffer *ret)
{
    CK_GCM_PARAMS params = gcm_params(nonce, aad);
    CK_MECHANISM mechanism = { CKM_AES_GCM, &params, sizeof(params) };
    CLEANUP(secret_free) struct secret *room = NULL;
    CK_ULONG len = plaintext.len + GCM_TAG_LEN;
    CK_RV rv;

    if (secret_new(len, &room) < 0)
        return CKR_HOST_MEMORY;
    rv = session->p11->C_EncryptInit(session->handle, &mechanism, key);
    if (rv != CKR_OK)
        return rv;
    rv = session->p11->C_Encrypt(session->handle, (CK_BYTE *)plaintext.data, plaintext.len, room->data, &len);
    if (rv != CKR_OK)
        return rv;
    if (len != plaintext.len + GCM_TAG_LEN)
        return CKR_DEVICE_ERROR;
    buffer_append(ret, BYTES(room->data, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV hsm_session_decrypt_by(const struct hsm_session *session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                             struct bytes ciphertext, size_t room, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    CK_ULONG len = room;
    CK_RV rv;

    if (secret_new(room, &plaintext) < 0)
        return CKR_HOST_MEMORY;
    rv = session->p11->C_DecryptInit(session->handle, mechanism, key);
    if (rv != CKR_OK)
        return rv;
    rv = session->p11->C_Decrypt(session->handle, (CK_BYTE *)ciphertext.data, ciphertext.len, plaintext->data,
                                 &len);
    if (rv != CKR_OK)
        return rv;
    if (len > room)
        return CKR_DEVICE_ERROR;
    plaintext->len = len;
    *ret = TAKE(plaintext);
    return CKR_OK;
}

CK_RV hsm_session_decrypt(const struct hsm_session *session, CK_OBJECT_HANDLE key, struct bytes nonce,
                          struct bytes aad, struct bytes ciphertext, struct secret **ret)
{
    CK_GCM_PARAMS params = gcm_params(nonce, aad);
    CK_MECHANISM mechanism = { CKM_AES_GCM, &params, sizeof(params) };
    CLEANUP(secret_free) struct secret *plaintext = NULL;
    CK_RV rv;

    if (ciphertext.len <= GCM_TAG_LEN)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    /* SoftHSM asks for as much room as the ciphertext has. */
    rv = hsm_session_decrypt_by(session, &mechanism, key, ciphertext, ciphertext.len, &plaintext);
    if (rv != CKR_OK)
        return rv;
    if (plaintext->len != ciphertext.len - GCM_TAG_LEN)
        return CKR_DEVICE_ERROR;
    *ret = TAKE(plaintext);
    return CKR_OK;
}

CK_RV hsm_session_wrap(const struct hsm_session *session, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
                       struct secret **ret)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 }; /* RFC 5649 */
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_ULONG len = WRAPPED_KEY_MAX;
    CK_RV rv;

    if (secret_new(WRAPPED_KEY_MAX, &wrapped) < 0)
        return CKR_HOST_MEMORY;
    rv = session->p11->C_WrapKey(session->handle, &mechanism, wrapping_key, key, wrapped->data, &len);
    if (rv != CKR_OK)
        return rv;
    if (len == 0 || len > WRAPPED_KEY_MAX)
        return CKR_DEVICE_ERROR;
    wrapped->len = len;
    *ret = TAKE(wrapped);
    return CKR_OK;
}

CK_RV hsm_session_attribute(const struct hsm_session *session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type, struct buffer *ret)
{
    CLEANUP(free) void *value = NULL;
    CK_ATTRIBUTE attribute = { type, NULL, 0 };
    CK_RV rv;

    /* The length first: v3.1 5.7.5 (C_GetAttributeValue). */
    rv = session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1);
    if (rv != CKR_OK)
        return rv;
    if (attribute.ulValueLen > HSM_ATTRIBUTE_MAX)
        return CKR_DEVICE_ERROR;
    value = malloc(attribute.ulValueLen + 1);
    if (!value)
        return CKR_HOST_MEMORY;
    attribute.pValue = value;
    rv = session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1);
    if (rv != CKR_OK)
        return rv;
    if (attribute.ulValueLen > HSM_ATTRIBUTE_MAX)
        return CKR_DEVICE_ERROR;
    buffer_append(ret, BYTES(value, attribute.ulValueLen));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV hsm_session_value(const struct hsm_session *session, CK_OBJECT_HANDLE object, size_t len,
                        struct secret **ret)
{
    CLEANUP(secret_free) struct secret *value = NULL;
    CK_ATTRIBUTE attribute;
    CK_RV rv;

    if (secret_new(len, &value) < 0)
        return CKR_HOST_MEMORY;
    attribute = (CK_ATTRIBUTE){ CKA_VALUE, value->data, len };
    rv = session->p11->C_GetAttributeValue(session->handle, object, &attribute, 1);
    if (rv != CKR_OK)
        return rv;
    if (attribute.ulValueLen != len)
        return CKR_DEVICE_ERROR;
    *ret = TAKE(value);
    return CKR_OK;
}

CK_RV hsm_session_matches(const struct hsm_session *session, CK_OBJECT_HANDLE object,
                          const CK_ATTRIBUTE *template, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buffer_clear) struct buffer value = { 0 };
        CK_RV rv = hsm_session_attribute(session, object, template[i].type, &value);

        if (rv != CKR_OK)
            return rv;
        if (!bytes_equal(buffer_bytes(&value), BYTES(template[i].pValue, template[i].ulValueLen)))
            return CKR_TEMPLATE_INCONSISTENT;
    }
    return CKR_OK;
}

CK_RV hsm_session_find(const struct hsm_session *session, CK_ATTRIBUTE *template, CK_ULONG count,
                       CK_OBJECT_HANDLE *ret, CK_ULONG max, CK_ULONG *ret_count)
{
    CK_ULONG found = 0, more = 0;
    CK_RV rv;

    rv = session->p11->C_FindObjectsInit(session->handle, template, count);
    if (rv != CKR_OK)
        return rv;
    do { /* a library may give fewer than asked for: only none means the end. v3.1 5.7.8 (C_FindObjects) */
        rv = session->p11->C_FindObjects(session->handle, ret + found, max - found, &more);
        found += rv == CKR_OK ? more : 0;
    } while (rv == CKR_OK && more > 0 && found < max);
    session->p11->C_FindObjectsFinal(session->handle);
    if (rv == CKR_OK)
        *ret_count = found;
    return rv;
}

void hsm_session_destroy(const struct hsm_session *session, CK_OBJECT_HANDLE object)
{
    if (object != CK_INVALID_HANDLE)
        session->p11->C_DestroyObject(session->handle, object);
}
