/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decrypt.c - encryption and decryption.
 *
 * Source: PKCS#11 v3.1 5.8 (Encryption functions), 5.9 (Decryption functions).
 */
#include "module/core/decrypt.h"
#include "module/entry/entry.h"

ENTRY CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = encrypt_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                      CK_BYTE_PTR pEncryptedData, CK_ULONG_PTR pulEncryptedDataLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, encrypt, IS_RUN(pData, ulDataLen) && pulEncryptedDataLen);
    if (rv == CKR_OK)
        rv = encrypt_finish(call.session, OP_ONE_SHOT, BYTES(pData, ulDataLen),
                            OUTPUT(pEncryptedData, pulEncryptedDataLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
                            CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, encrypt, IS_RUN(pPart, ulPartLen) && pulEncryptedPartLen);
    if (rv == CKR_OK)
        rv = decrypt_update(call.session, &call.session->encrypt, BYTES(pPart, ulPartLen),
                            OUTPUT(pEncryptedPart, pulEncryptedPartLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart,
                           CK_ULONG_PTR pulLastEncryptedPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, encrypt, pulLastEncryptedPartLen);
    if (rv == CKR_OK)
        rv = encrypt_finish(call.session, OP_FINAL, BYTES_NONE,
                            OUTPUT(pLastEncryptedPart, pulLastEncryptedPartLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = decrypt_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedData, CK_ULONG ulEncryptedDataLen,
                      CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, decrypt, IS_RUN(pEncryptedData, ulEncryptedDataLen) && pulDataLen);
    if (rv == CKR_OK)
        rv = decrypt_finish(call.session, OP_ONE_SHOT, BYTES(pEncryptedData, ulEncryptedDataLen),
                            OUTPUT(pData, pulDataLen), &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart,
                            CK_ULONG ulEncryptedPartLen, CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, decrypt, IS_RUN(pEncryptedPart, ulEncryptedPartLen) && pulPartLen);
    if (rv == CKR_OK)
        rv = decrypt_update(call.session, &call.session->decrypt, BYTES(pEncryptedPart, ulEncryptedPartLen),
                            OUTPUT(pPart, pulPartLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart, CK_ULONG_PTR pulLastPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, decrypt, pulLastPartLen);
    if (rv == CKR_OK)
        rv = decrypt_finish(call.session, OP_FINAL, BYTES_NONE, OUTPUT(pLastPart, pulLastPartLen),
                            &call.error);
    return call_done(&call, rv);
}
