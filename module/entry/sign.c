/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.c - signatures, their verification, and digests.
 *
 * A call that takes an operation to its end also ends it when its arguments are bad: only a question for the
 * length keeps it. v3.1 5.13.2 (C_Sign).
 * Source: PKCS#11 v3.1 5.12 (Message digesting), 5.13 (Signing), 5.15 (Verifying signatures).
 */
#include "module/core/sign.h"
#include "module/entry/entry.h"

/* ------------------------------------------------------------------------------------------------ signing */

ENTRY CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = sign_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
                   CK_ULONG_PTR pulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, sign, IS_RUN(pData, ulDataLen) && pulSignatureLen);
    if (rv == CKR_OK)
        rv = sign_finish(call.session, &call.session->sign, OP_ONE_SHOT, BYTES(pData, ulDataLen),
                         OUTPUT(pSignature, pulSignatureLen), &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, sign, IS_RUN(pPart, ulPartLen));
    if (rv == CKR_OK)
        rv = sign_update(call.session, &call.session->sign, BYTES(pPart, ulPartLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, sign, pulSignatureLen);
    if (rv == CKR_OK)
        rv = sign_finish(call.session, &call.session->sign, OP_FINAL, BYTES_NONE,
                         OUTPUT(pSignature, pulSignatureLen), &call.error);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = sign_recover_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                          CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, sign_recover, IS_RUN(pData, ulDataLen) && pulSignatureLen);
    if (rv == CKR_OK)
        rv = sign_finish(call.session, &call.session->sign_recover, OP_ONE_SHOT, BYTES(pData, ulDataLen),
                         OUTPUT(pSignature, pulSignatureLen), &call.error);
    return call_done(&call, rv);
}

/* ---------------------------------------------------------------------------------------------- verifying */

ENTRY CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = verify_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen,
                     CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, verify, IS_RUN(pData, ulDataLen) && IS_RUN(pSignature, ulSignatureLen));
    if (rv == CKR_OK)
        rv = verify_finish(call.session, OP_ONE_SHOT, BYTES(pData, ulDataLen),
                           BYTES(pSignature, ulSignatureLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, verify, IS_RUN(pPart, ulPartLen));
    if (rv == CKR_OK)
        rv = sign_update(call.session, &call.session->verify, BYTES(pPart, ulPartLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, verify, IS_RUN(pSignature, ulSignatureLen));
    if (rv == CKR_OK)
        rv = verify_finish(call.session, OP_FINAL, BYTES_NONE, BYTES(pSignature, ulSignatureLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism,
                                CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = verify_recover_init(call.session, pMechanism, hKey);
    return call_done(&call, rv);
}

ENTRY CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen,
                            CK_BYTE_PTR pData, CK_ULONG_PTR pulDataLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, verify_recover, IS_RUN(pSignature, ulSignatureLen) && pulDataLen);
    if (rv == CKR_OK)
        rv =
            verify_recover_finish(call.session, BYTES(pSignature, ulSignatureLen), OUTPUT(pData, pulDataLen));
    return call_done(&call, rv);
}

/* ------------------------------------------------------------------------------------------------ digests */

ENTRY CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    if (rv == CKR_OK)
        rv = digest_init(call.session, pMechanism);
    return call_done(&call, rv);
}

ENTRY CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pDigest,
                     CK_ULONG_PTR pulDigestLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, digest, IS_RUN(pData, ulDataLen) && pulDigestLen);
    if (rv == CKR_OK)
        rv = digest_finish(call.session, OP_ONE_SHOT, BYTES(pData, ulDataLen), OUTPUT(pDigest, pulDigestLen));
    return call_done(&call, rv);
}

ENTRY CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, digest, IS_RUN(pPart, ulPartLen));
    if (rv == CKR_OK)
        rv = sign_update(call.session, &call.session->digest, BYTES(pPart, ulPartLen));
    return call_done(&call, rv);
}

/* No key of ours may be digested: the private ones are not here, and the others are not secret keys. */
ENTRY CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    (void)hKey;
    if (rv == CKR_OK)
        rv = session_end_operation(call.session, &call.session->digest, CKR_KEY_INDIGESTIBLE);
    return call_done(&call, rv);
}

ENTRY CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, __func__, hSession);

    rv = CHECK_OR_END(rv, call, digest, pulDigestLen);
    if (rv == CKR_OK)
        rv = digest_finish(call.session, OP_FINAL, BYTES_NONE, OUTPUT(pDigest, pulDigestLen));
    return call_done(&call, rv);
}
