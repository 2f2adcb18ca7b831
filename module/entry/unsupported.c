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
UNSUPPORTED(C_LoginUser, NO, , CK_USER_TYPE user_type INPUT(pin) INPUT(username))

/* An operation holds a digest in the middle: OpenSSL does not give that out. */
UNSUPPORTED(C_GetOperationState, NO, RESULT(state))
UNSUPPORTED(C_SetOperationState, NO, INPUT(state) HANDLE(encryption_key) HANDLE(authentication_key))

/* Objects live at the server: made there, and kept there. */
UNSUPPORTED(C_CopyObject, NO, HANDLE(object) ATTRIBUTES(template) NEW_HANDLE(new_object))
UNSUPPORTED(C_DestroyObject, NO, HANDLE(object))
UNSUPPORTED(C_SetAttributeValue, NO, HANDLE(object) ATTRIBUTES(template))

/* Keys sign and verify: no encryption, no recovery, no secret keys. */
UNSUPPORTED(C_EncryptInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_Encrypt, NO, INPUT(data) RESULT(encrypted))
UNSUPPORTED(C_EncryptUpdate, NO, INPUT(part) RESULT(encrypted))
UNSUPPORTED(C_EncryptFinal, NO, RESULT(encrypted))
UNSUPPORTED(C_DecryptInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_Decrypt, NO, INPUT(encrypted) RESULT(data))
UNSUPPORTED(C_DecryptUpdate, NO, INPUT(encrypted) RESULT(part))
UNSUPPORTED(C_DecryptFinal, NO, RESULT(part))
UNSUPPORTED(C_SignRecoverInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_SignRecover, NO, INPUT(data) RESULT(signature))
UNSUPPORTED(C_VerifyRecoverInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_VerifyRecover, NO, INPUT(signature) RESULT(data))
UNSUPPORTED(C_DigestEncryptUpdate, NO, INPUT(part) RESULT(encrypted))
UNSUPPORTED(C_DecryptDigestUpdate, NO, INPUT(encrypted) RESULT(part))
UNSUPPORTED(C_SignEncryptUpdate, NO, INPUT(part) RESULT(encrypted))
UNSUPPORTED(C_DecryptVerifyUpdate, NO, INPUT(encrypted) RESULT(part))
UNSUPPORTED(C_GenerateKey, NO, , CK_MECHANISM_PTR mechanism ATTRIBUTES(template) NEW_HANDLE(key))
UNSUPPORTED(C_WrapKey, NO, , CK_MECHANISM_PTR mechanism HANDLE(wrapping_key) HANDLE(key) RESULT(wrapped))
UNSUPPORTED(C_UnwrapKey, NO, , CK_MECHANISM_PTR mechanism HANDLE(unwrapping_key) INPUT(wrapped)
            ATTRIBUTES(template) NEW_HANDLE(key))
UNSUPPORTED(C_DeriveKey, NO, MECHANISM_KEY ATTRIBUTES(template) NEW_HANDLE(new_key))

/* Left over from version 1, with an answer of their own. v3.1 5.20 (Parallel function management). */
UNSUPPORTED(C_GetFunctionStatus, CKR_FUNCTION_NOT_PARALLEL)
UNSUPPORTED(C_CancelFunction, CKR_FUNCTION_NOT_PARALLEL)

/* The message functions of 3.0 serve authenticated encryption, and signatures in bulk. */
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
UNSUPPORTED(C_MessageSignInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_SignMessage, NO, PARAMETER INPUT(data) RESULT(signature))
UNSUPPORTED(C_SignMessageBegin, NO, PARAMETER)
UNSUPPORTED(C_SignMessageNext, NO, PARAMETER INPUT(data) RESULT(signature))
UNSUPPORTED(C_MessageSignFinal, NO)
UNSUPPORTED(C_MessageVerifyInit, NO, MECHANISM_KEY)
UNSUPPORTED(C_VerifyMessage, NO, PARAMETER INPUT(data) INPUT(signature))
UNSUPPORTED(C_VerifyMessageBegin, NO, PARAMETER)
UNSUPPORTED(C_VerifyMessageNext, NO, PARAMETER INPUT(data) INPUT(signature))
UNSUPPORTED(C_MessageVerifyFinal, NO)
