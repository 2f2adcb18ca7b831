/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsupported.c - what a token for signing does not do, said honestly: every function is there and answers.
 *
 * A row is a function, its parameters, and its answer once library and session are in order, which the
 * standard wants to hear about first. Source: PKCS#11 v3.1 5.1 (Function return values), 5.20 (Parallel
 * function management).
 */
#include "module/entry/entry.h"
#include "proto/pkcs11_more.h"

/* A row names its parameters for the reader; only the session, always the first, is used. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define UNSUPPORTED(function, answer, ...)                                                                   \
    ENTRY CK_RV function(CK_SESSION_HANDLE session __VA_ARGS__)                                              \
    {                                                                                                        \
        return refuse(session, __func__, answer);                                                            \
    }

/* Parameters of more than one function. Each begins with the comma after the session. */
#define INPUT(name)      , CK_BYTE_PTR name, CK_ULONG name##_len
#define RESULT(name)     , CK_BYTE_PTR name, CK_ULONG_PTR name##_len
#define MECHANISM_KEY    , CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key
#define PARAMETER        , CK_VOID_PTR parameter, CK_ULONG parameter_len
#define ATTRIBUTES(name) , CK_ATTRIBUTE_PTR name, CK_ULONG name##_count
#define FLAGS            , CK_FLAGS flags
#define HANDLE(name)     , CK_OBJECT_HANDLE name
#define NEW_HANDLE(name) , CK_OBJECT_HANDLE_PTR name
#define NO               CKR_FUNCTION_NOT_SUPPORTED

static CK_RV refuse(CK_SESSION_HANDLE session, const char *name, CK_RV answer)
{
    struct call call;
    CK_RV rv = call_enter_session(&call, name, session);

    return call_done(&call, rv == CKR_OK ? answer : rv);
}

/* clang-format off */

/* First PINs are set with an activation code, by the command line. */
UNSUPPORTED(C_InitPIN, NO, INPUT(pin))

/* An operation holds a digest in the middle: OpenSSL does not give that out. */
UNSUPPORTED(C_GetOperationState, NO, RESULT(state))
UNSUPPORTED(C_SetOperationState, NO, INPUT(state) HANDLE(encryption_key) HANDLE(authentication_key))

/* Two operations in one pass are nothing to RSA; keys of the token wrap nothing, and secret keys are not made. */
UNSUPPORTED(C_DigestEncryptUpdate, NO, INPUT(part) RESULT(encrypted))
UNSUPPORTED(C_DecryptDigestUpdate, NO, INPUT(encrypted) RESULT(part))
UNSUPPORTED(C_SignEncryptUpdate, NO, INPUT(part) RESULT(encrypted))
UNSUPPORTED(C_DecryptVerifyUpdate, NO, INPUT(encrypted) RESULT(part))
UNSUPPORTED(C_GenerateKey, NO, , CK_MECHANISM_PTR mechanism ATTRIBUTES(template) NEW_HANDLE(key))
UNSUPPORTED(C_WrapKey, NO, , CK_MECHANISM_PTR mechanism HANDLE(wrapping_key) HANDLE(key) RESULT(wrapped))
UNSUPPORTED(C_UnwrapKey, NO, , CK_MECHANISM_PTR mechanism HANDLE(unwrapping_key) INPUT(wrapped)
            ATTRIBUTES(template) NEW_HANDLE(key))

/* Left over from version 1, with an answer of their own. v3.1 5.20 (Parallel function management). */
UNSUPPORTED(C_GetFunctionStatus, CKR_FUNCTION_NOT_PARALLEL)
UNSUPPORTED(C_CancelFunction, CKR_FUNCTION_NOT_PARALLEL)

/* Of the message functions of 3.0 these serve authenticated encryption. */
UNSUPPORTED(C_MessageEncryptInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_EncryptMessage, NO, PARAMETER INPUT(aad) INPUT(plaintext) RESULT(ciphertext))
UNSUPPORTED(C_EncryptMessageBegin, NO, PARAMETER INPUT(aad))
UNSUPPORTED(C_EncryptMessageNext, NO, PARAMETER INPUT(plaintext) RESULT(ciphertext) FLAGS)
UNSUPPORTED(C_MessageEncryptFinal, NO)
UNSUPPORTED(C_MessageDecryptInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_DecryptMessage, NO, PARAMETER INPUT(aad) INPUT(ciphertext) RESULT(plaintext))
UNSUPPORTED(C_DecryptMessageBegin, NO, PARAMETER INPUT(aad))
UNSUPPORTED(C_DecryptMessageNext, NO, PARAMETER INPUT(ciphertext) RESULT(plaintext) FLAGS)
UNSUPPORTED(C_MessageDecryptFinal, NO)
