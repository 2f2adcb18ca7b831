/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - the signatures of PKCS#11 3.0 that are many to one Init.
 *
 * No mechanism of ours has a parameter for each message. A message that goes wrong does not end what Init began.
 * Source: PKCS#11 v3.0 5.14 (Message-based signing functions), 5.16 (Message-based verification functions).
 */
#include "module/core/message.h"
#include "module/entry/entry.h"
#include "proto/pkcs11_more.h"

static CK_RV check_parameter(CK_RV rv, const void *parameter, CK_ULONG len)
{
    return rv == CKR_OK && (parameter || len) ? CKR_MECHANISM_PARAM_INVALID : rv;
}

/* ------------------------------------------------------------------------------------------------ signing */

ENTRY CK_RV C_MessageSignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = message_sign_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                          CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                          CK_ULONG_PTR pulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pData, ulDataLen) && pulSignatureLen);
    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK)
        rv = message_sign(call.session, BYTES(pData, ulDataLen), OUTPUT(pSignature, pulSignatureLen),
                          &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK)
        rv = message_sign_begin(call.session);
    return call_done(&call, rv);
}

/* Where the signature's length would go there is NULL until the last part. v3.0 5.14.4 (C_SignMessageNext). */
ENTRY CK_RV C_SignMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                              CK_BYTE_PTR pDataPart, CK_ULONG ulDataPartLen, CK_BYTE_PTR pSignature,
                              CK_ULONG_PTR pulSignatureLen)
{
    struct bytes part = BYTES(pDataPart, ulDataPartLen);
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pDataPart, ulDataPartLen) && (pulSignatureLen || !pSignature));
    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK && pulSignatureLen)
        rv = message_sign_last(call.session, part, OUTPUT(pSignature, pulSignatureLen), &call.error);
    else if (rv == CKR_OK)
        rv = message_sign_part(call.session, part);
    return call_done(&call, rv);
}

ENTRY CK_RV C_MessageSignFinal(CK_SESSION_HANDLE hSession)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = message_sign_end(call.session);
    return call_done(&call, rv);
}

/* ---------------------------------------------------------------------------------------------- verifying */

ENTRY CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                                CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = message_verify_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                            CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                            CK_ULONG ulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pData, ulDataLen) && IS_RUN(pSignature, ulSignatureLen));
    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK)
        rv = message_verify(call.session, BYTES(pData, ulDataLen), BYTES(pSignature, ulSignatureLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK)
        rv = message_verify_begin(call.session);
    return call_done(&call, rv);
}

/* The signature comes with the last part; before it there is NULL. v3.0 5.16.4 (C_VerifyMessageNext). */
ENTRY CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
                                CK_BYTE_PTR pDataPart, CK_ULONG ulDataPartLen, CK_BYTE_PTR pSignature,
                                CK_ULONG ulSignatureLen)
{
    struct bytes part = BYTES(pDataPart, ulDataPartLen);
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = check_arguments(rv, IS_RUN(pDataPart, ulDataPartLen) && IS_RUN(pSignature, ulSignatureLen));
    rv = check_parameter(rv, pParameter, ulParameterLen);
    if (rv == CKR_OK && pSignature)
        rv = message_verify_last(call.session, part, BYTES(pSignature, ulSignatureLen));
    else if (rv == CKR_OK)
        rv = message_verify_part(call.session, part);
    return call_done(&call, rv);
}

ENTRY CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE hSession)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = message_verify_end(call.session);
    return call_done(&call, rv);
}
