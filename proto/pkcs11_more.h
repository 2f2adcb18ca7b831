/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs11_more.h - what PKCS#11 3.0 adds and p11-kit's header (2.40) lacks, written from the standard: only
 * what Privyseal uses, so that a name missing here is a thing we do not do.
 *
 * Source: PKCS#11 v3.0 base (profile objects), 5.4.4 (C_GetInterfaceList), 5.4.5 (C_GetInterface),
 *         5.6.5 (C_SessionCancel), 5.9 to 5.16 (message functions); PKCS#11 Profiles v3.0.
 */
#pragma once

#include <p11-kit/pkcs11.h>

/* The functions of 2.40 in the order of CK_FUNCTION_LIST, as X(C_Name). */
#define CK_FUNCTIONS_2_40(X)                                                                                 \
    X(C_Initialize)                                                                                          \
    X(C_Finalize)                                                                                            \
    X(C_GetInfo)                                                                                             \
    X(C_GetFunctionList)                                                                                     \
    X(C_GetSlotList)                                                                                         \
    X(C_GetSlotInfo)                                                                                         \
    X(C_GetTokenInfo)                                                                                        \
    X(C_GetMechanismList)                                                                                    \
    X(C_GetMechanismInfo)                                                                                    \
    X(C_InitToken)                                                                                           \
    X(C_InitPIN)                                                                                             \
    X(C_SetPIN)                                                                                              \
    X(C_OpenSession)                                                                                         \
    X(C_CloseSession)                                                                                        \
    X(C_CloseAllSessions)                                                                                    \
    X(C_GetSessionInfo)                                                                                      \
    X(C_GetOperationState)                                                                                   \
    X(C_SetOperationState)                                                                                   \
    X(C_Login)                                                                                               \
    X(C_Logout)                                                                                              \
    X(C_CreateObject)                                                                                        \
    X(C_CopyObject)                                                                                          \
    X(C_DestroyObject)                                                                                       \
    X(C_GetObjectSize)                                                                                       \
    X(C_GetAttributeValue)                                                                                   \
    X(C_SetAttributeValue)                                                                                   \
    X(C_FindObjectsInit)                                                                                     \
    X(C_FindObjects)                                                                                         \
    X(C_FindObjectsFinal)                                                                                    \
    X(C_EncryptInit)                                                                                         \
    X(C_Encrypt)                                                                                             \
    X(C_EncryptUpdate)                                                                                       \
    X(C_EncryptFinal)                                                                                        \
    X(C_DecryptInit)                                                                                         \
    X(C_Decrypt)                                                                                             \
    X(C_DecryptUpdate)                                                                                       \
    X(C_DecryptFinal)                                                                                        \
    X(C_DigestInit)                                                                                          \
    X(C_Digest)                                                                                              \
    X(C_DigestUpdate)                                                                                        \
    X(C_DigestKey)                                                                                           \
    X(C_DigestFinal)                                                                                         \
    X(C_SignInit)                                                                                            \
    X(C_Sign)                                                                                                \
    X(C_SignUpdate)                                                                                          \
    X(C_SignFinal)                                                                                           \
    X(C_SignRecoverInit)                                                                                     \
    X(C_SignRecover)                                                                                         \
    X(C_VerifyInit)                                                                                          \
    X(C_Verify)                                                                                              \
    X(C_VerifyUpdate)                                                                                        \
    X(C_VerifyFinal)                                                                                         \
    X(C_VerifyRecoverInit)                                                                                   \
    X(C_VerifyRecover)                                                                                       \
    X(C_DigestEncryptUpdate)                                                                                 \
    X(C_DecryptDigestUpdate)                                                                                 \
    X(C_SignEncryptUpdate)                                                                                   \
    X(C_DecryptVerifyUpdate)                                                                                 \
    X(C_GenerateKey)                                                                                         \
    X(C_GenerateKeyPair)                                                                                     \
    X(C_WrapKey)                                                                                             \
    X(C_UnwrapKey)                                                                                           \
    X(C_DeriveKey)                                                                                           \
    X(C_SeedRandom)                                                                                          \
    X(C_GenerateRandom)                                                                                      \
    X(C_GetFunctionStatus)                                                                                   \
    X(C_CancelFunction)                                                                                      \
    X(C_WaitForSlotEvent)

/* What 3.0 puts behind them, in the order of CK_FUNCTION_LIST_3_0. */
#define CK_FUNCTIONS_3_0(X)                                                                                  \
    X(C_GetInterfaceList)                                                                                    \
    X(C_GetInterface)                                                                                        \
    X(C_LoginUser)                                                                                           \
    X(C_SessionCancel)                                                                                       \
    X(C_MessageEncryptInit)                                                                                  \
    X(C_EncryptMessage)                                                                                      \
    X(C_EncryptMessageBegin)                                                                                 \
    X(C_EncryptMessageNext)                                                                                  \
    X(C_MessageEncryptFinal)                                                                                 \
    X(C_MessageDecryptInit)                                                                                  \
    X(C_DecryptMessage)                                                                                      \
    X(C_DecryptMessageBegin)                                                                                 \
    X(C_DecryptMessageNext)                                                                                  \
    X(C_MessageDecryptFinal)                                                                                 \
    X(C_MessageSignInit)                                                                                     \
    X(C_SignMessage)                                                                                         \
    X(C_SignMessageBegin)                                                                                    \
    X(C_SignMessageNext)                                                                                     \
    X(C_MessageSignFinal)                                                                                    \
    X(C_MessageVerifyInit)                                                                                   \
    X(C_VerifyMessage)                                                                                       \
    X(C_VerifyMessageBegin)                                                                                  \
    X(C_VerifyMessageNext)                                                                                   \
    X(C_MessageVerifyFinal)

/* A header that already speaks 3.0 needs no more help. */
#if CRYPTOKI_VERSION_MAJOR < 3

#define CKO_PROFILE    9UL
#define CKA_UNIQUE_ID  4UL
#define CKA_PROFILE_ID 0x601UL

#define CKP_BASELINE_PROVIDER         1UL
#define CKP_AUTHENTICATION_TOKEN      3UL
#define CKP_PUBLIC_CERTIFICATES_TOKEN 4UL

#define CK_CERTIFICATE_CATEGORY_TOKEN_USER 1UL
#define CK_CERTIFICATE_CATEGORY_AUTHORITY  2UL

#define CKF_INTERFACE_FORK_SAFE 1UL
#define CKF_MESSAGE_SIGN        0x08UL /* of CK_MECHANISM_INFO, and for C_SessionCancel */
#define CKF_MESSAGE_VERIFY      0x10UL
#define CKF_MULTI_MESSAGE       0x20UL /* C_SignMessageBegin and Next */
#define CKF_FIND_OBJECTS        0x40UL /* C_SessionCancel; its other flags are those of CK_MECHANISM_INFO */

#define CKR_OPERATION_CANCEL_FAILED 0x202UL

typedef struct CK_INTERFACE {
    CK_CHAR *pInterfaceName;
    CK_VOID_PTR pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;
typedef CK_INTERFACE *CK_INTERFACE_PTR;
typedef CK_INTERFACE **CK_INTERFACE_PTR_PTR;

/* Declares C_Name and the type CK_C_Name of a pointer to it. */
#define CK_DECLARE(name, arguments)                                                                          \
    typedef CK_RV(*CK_##name) arguments;                                                                     \
    CK_RV name arguments

CK_DECLARE(C_GetInterfaceList, (CK_INTERFACE_PTR interfaces, CK_ULONG_PTR count));
CK_DECLARE(C_GetInterface,
           (CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, CK_INTERFACE_PTR_PTR interface, CK_FLAGS flags));
CK_DECLARE(C_LoginUser, (CK_SESSION_HANDLE session, CK_USER_TYPE user_type, CK_UTF8CHAR_PTR pin,
                         CK_ULONG pin_len, CK_UTF8CHAR_PTR username, CK_ULONG username_len));
CK_DECLARE(C_SessionCancel, (CK_SESSION_HANDLE session, CK_FLAGS flags));
CK_DECLARE(C_MessageEncryptInit,
           (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key));
CK_DECLARE(C_EncryptMessage, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                              CK_BYTE_PTR aad, CK_ULONG aad_len, CK_BYTE_PTR plaintext,
                              CK_ULONG plaintext_len, CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len));
CK_DECLARE(C_EncryptMessageBegin, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                                   CK_BYTE_PTR aad, CK_ULONG aad_len));
CK_DECLARE(C_EncryptMessageNext,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR plaintext,
            CK_ULONG plaintext_len, CK_BYTE_PTR ciphertext, CK_ULONG_PTR ciphertext_len, CK_FLAGS flags));
CK_DECLARE(C_MessageEncryptFinal, (CK_SESSION_HANDLE session));
CK_DECLARE(C_MessageDecryptInit,
           (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key));
CK_DECLARE(C_DecryptMessage, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                              CK_BYTE_PTR aad, CK_ULONG aad_len, CK_BYTE_PTR ciphertext,
                              CK_ULONG ciphertext_len, CK_BYTE_PTR plaintext, CK_ULONG_PTR plaintext_len));
CK_DECLARE(C_DecryptMessageBegin, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                                   CK_BYTE_PTR aad, CK_ULONG aad_len));
CK_DECLARE(C_DecryptMessageNext,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR ciphertext,
            CK_ULONG ciphertext_len, CK_BYTE_PTR plaintext, CK_ULONG_PTR plaintext_len, CK_FLAGS flags));
CK_DECLARE(C_MessageDecryptFinal, (CK_SESSION_HANDLE session));
CK_DECLARE(C_MessageSignInit, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key));
CK_DECLARE(C_SignMessage,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR data,
            CK_ULONG data_len, CK_BYTE_PTR signature, CK_ULONG_PTR signature_len));
CK_DECLARE(C_SignMessageBegin, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len));
CK_DECLARE(C_SignMessageNext,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR data,
            CK_ULONG data_len, CK_BYTE_PTR signature, CK_ULONG_PTR signature_len));
CK_DECLARE(C_MessageSignFinal, (CK_SESSION_HANDLE session));
CK_DECLARE(C_MessageVerifyInit,
           (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key));
CK_DECLARE(C_VerifyMessage,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR data,
            CK_ULONG data_len, CK_BYTE_PTR signature, CK_ULONG signature_len));
CK_DECLARE(C_VerifyMessageBegin, (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len));
CK_DECLARE(C_VerifyMessageNext,
           (CK_SESSION_HANDLE session, CK_VOID_PTR parameter, CK_ULONG parameter_len, CK_BYTE_PTR data,
            CK_ULONG data_len, CK_BYTE_PTR signature, CK_ULONG signature_len));
CK_DECLARE(C_MessageVerifyFinal, (CK_SESSION_HANDLE session));

#define CK_MEMBER(name) CK_##name name;
typedef struct CK_FUNCTION_LIST_3_0 {
    CK_VERSION version;
    CK_FUNCTIONS_2_40(CK_MEMBER) CK_FUNCTIONS_3_0(CK_MEMBER)
} CK_FUNCTION_LIST_3_0;
#undef CK_MEMBER
#undef CK_DECLARE

#endif
