/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_null.c - each pointer that may not be NULL.
 *
 * The functions that could change a token (C_InitToken, C_InitPIN, C_SetPIN, C_DestroyObject) are left out: a check
 * must not risk the token it is given.
 *
 * Source: PKCS#11 v3.1 5.1.6 (All other Cryptoki function return values): CKR_ARGUMENTS_BAD.
 */
#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"

static CK_SLOT_ID slot;
static CK_OBJECT_HANDLE object;
static CK_ULONG len;
static CK_BYTE bytes[4096];
static CK_OBJECT_CLASS class = CKO_DATA;
static CK_ATTRIBUTE attribute = { CKA_CLASS, &class, sizeof(class) };

#define SESSION_ check->session
#define BAD      CKR_ARGUMENTS_BAD
#define ABSENT   CKR_FUNCTION_NOT_SUPPORTED

/* One row: a name for the function that is made of it, the call, what may be the answer. */
#define NULLS_LOADED(X)                                                                                      \
    X(function_list, LOADED, "C_GetFunctionList with no place for the list", C_GetFunctionList(NULL), BAD)

#define NULLS_INITIALIZED(X)                                                                                 \
    X(info, INITIALIZED, "C_GetInfo with no place for the answer", C_GetInfo(NULL), BAD)                     \
    X(slot_list, INITIALIZED, "C_GetSlotList with no count", C_GetSlotList(CK_FALSE, NULL, NULL), BAD)       \
    X(event_reserved, INITIALIZED, "C_WaitForSlotEvent with something reserved",                             \
      C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &slot), BAD, ABSENT)                                         \
    X(event, INITIALIZED, "C_WaitForSlotEvent with no place for the slot",                                   \
      C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL), BAD, ABSENT, CKR_NO_EVENT)

#define NULLS_TOKEN(X)                                                                                       \
    X(slot_info, TOKEN, "C_GetSlotInfo with no place for the answer", C_GetSlotInfo(check->slot, NULL), BAD) \
    X(token_info, TOKEN, "C_GetTokenInfo with no place for the answer", C_GetTokenInfo(check->slot, NULL),   \
      BAD)                                                                                                   \
    X(mechanism_list, TOKEN, "C_GetMechanismList with no count",                                             \
      C_GetMechanismList(check->slot, NULL, NULL), BAD)                                                      \
    X(mechanism_info, TOKEN, "C_GetMechanismInfo with no place for the answer",                              \
      C_GetMechanismInfo(check->slot, CKM_RSA_PKCS, NULL), BAD, CKR_MECHANISM_INVALID)                       \
    X(open_session, TOKEN, "C_OpenSession with no place for the handle",                                     \
      C_OpenSession(check->slot, CKF_SERIAL_SESSION, NULL, NULL, NULL), BAD)

#define NULLS_SESSION(X)                                                                                     \
    X(session_info, SESSION, "C_GetSessionInfo with no place for the answer",                                \
      C_GetSessionInfo(SESSION_, NULL), BAD)                                                                 \
    X(get_state, SESSION, "C_GetOperationState with no length", C_GetOperationState(SESSION_, bytes, NULL),  \
      BAD, ABSENT, CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE)                                      \
    X(set_state, SESSION, "C_SetOperationState without a state",                                             \
      C_SetOperationState(SESSION_, NULL, 8, 0, 0), BAD, ABSENT, CKR_SAVED_STATE_INVALID)                    \
    X(create, SESSION, "C_CreateObject without a template", C_CreateObject(SESSION_, NULL, 1, &object), BAD, \
      ABSENT)                                                                                                \
    X(create_handle, SESSION, "C_CreateObject with no place for the handle",                                 \
      C_CreateObject(SESSION_, &attribute, 1, NULL), BAD, ABSENT)                                            \
    X(find_init, SESSION, "C_FindObjectsInit that counts a template without one",                            \
      C_FindObjectsInit(SESSION_, NULL, 1), BAD)                                                             \
    X(digest_init, SESSION, "C_DigestInit without a mechanism", C_DigestInit(SESSION_, NULL), BAD, ABSENT,   \
      CKR_OPERATION_NOT_INITIALIZED)                                                                         \
    X(encrypt_init, SESSION, "C_EncryptInit without a mechanism", C_EncryptInit(SESSION_, NULL, 1), BAD,     \
      ABSENT, CKR_OPERATION_NOT_INITIALIZED)                                                                 \
    X(decrypt_init, SESSION, "C_DecryptInit without a mechanism", C_DecryptInit(SESSION_, NULL, 1), BAD,     \
      ABSENT, CKR_OPERATION_NOT_INITIALIZED)                                                                 \
    X(sign_init, SESSION, "C_SignInit without a mechanism", C_SignInit(SESSION_, NULL, 1), BAD,              \
      CKR_OPERATION_NOT_INITIALIZED)                                                                         \
    X(recover_init, SESSION, "C_SignRecoverInit without a mechanism", C_SignRecoverInit(SESSION_, NULL, 1),  \
      BAD, ABSENT, CKR_OPERATION_NOT_INITIALIZED)                                                            \
    X(verify_init, SESSION, "C_VerifyInit without a mechanism", C_VerifyInit(SESSION_, NULL, 1), BAD,        \
      ABSENT, CKR_OPERATION_NOT_INITIALIZED)                                                                 \
    X(generate_key, SESSION, "C_GenerateKey without a mechanism",                                            \
      C_GenerateKey(SESSION_, NULL, &attribute, 1, &object), BAD, ABSENT)                                    \
    X(generate_pair, SESSION, "C_GenerateKeyPair without a mechanism",                                       \
      C_GenerateKeyPair(SESSION_, NULL, &attribute, 1, &attribute, 1, &object, &object), BAD, ABSENT)        \
    X(wrap, SESSION, "C_WrapKey without a mechanism", C_WrapKey(SESSION_, NULL, 1, 1, bytes, &len), BAD,     \
      ABSENT)                                                                                                \
    X(unwrap, SESSION, "C_UnwrapKey without a mechanism",                                                    \
      C_UnwrapKey(SESSION_, NULL, 1, bytes, 8, &attribute, 1, &object), BAD, ABSENT)                         \
    X(derive, SESSION, "C_DeriveKey without a mechanism",                                                    \
      C_DeriveKey(SESSION_, NULL, 1, &attribute, 1, &object), BAD, ABSENT)                                   \
    X(seed, SESSION, "C_SeedRandom without a seed", C_SeedRandom(SESSION_, NULL, 8), BAD, ABSENT,            \
      CKR_RANDOM_NO_RNG, CKR_RANDOM_SEED_NOT_SUPPORTED)                                                      \
    X(random, SESSION, "C_GenerateRandom with no place for the bytes", C_GenerateRandom(SESSION_, NULL, 8),  \
      BAD, ABSENT, CKR_RANDOM_NO_RNG)

#define NULLS_KEY(X)                                                                                         \
    X(object_size, KEY, "C_GetObjectSize with no place for the size",                                        \
      C_GetObjectSize(SESSION_, check->key.handle, NULL), BAD, ABSENT)                                       \
    X(get_attribute, KEY, "C_GetAttributeValue that counts a template without one",                          \
      C_GetAttributeValue(SESSION_, check->key.handle, NULL, 1), BAD)                                        \
    X(set_attribute, KEY, "C_SetAttributeValue that counts a template without one",                          \
      C_SetAttributeValue(SESSION_, check->key.handle, NULL, 1), BAD, ABSENT, CKR_SESSION_READ_ONLY)

#define FUNCTION(name, stage, text, call, ...)                                                               \
    static void null_##name(struct check *check)                                                             \
    {                                                                                                        \
        EXPECT_CALL(check, call, text, __VA_ARGS__);                                                         \
    }
NULLS_LOADED(FUNCTION)
NULLS_INITIALIZED(FUNCTION)
NULLS_TOKEN(FUNCTION)
NULLS_SESSION(FUNCTION)
NULLS_KEY(FUNCTION)

/* A module with a PIN pad takes no PIN to mean "ask there". v3.1 5.6.8 (C_Login). */
static void null_pin(struct check *check)
{
    if (check->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH)
        check_skip(check, "the token has a protected authentication path");
    EXPECT(check, C_Login(check->session, CKU_USER, NULL, 6), BAD, CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE);
    expect_true(check, check_state(check, check->session) == CKS_RO_PUBLIC_SESSION, "nobody's PIN logged in");
}

static void null_search(struct check *check)
{
    REQUIRE(check, C_FindObjectsInit(check->session, NULL, 0));
    EXPECT(check, C_FindObjects(check->session, NULL, 1, &len), BAD);
    EXPECT(check, C_FindObjects(check->session, &object, 1, NULL), BAD);
}

static void null_sign_data(struct check *check)
{
    len = sizeof(bytes);
    sign_init(check, check->session, check->mechanism, check->key.handle);
    EXPECT(check, C_Sign(check->session, NULL, 8, bytes, &len), BAD);
}

static void null_sign_len(struct check *check)
{
    sign_init(check, check->session, check->mechanism, check->key.handle);
    EXPECT(check, C_Sign(check->session, bytes, 8, bytes, NULL), BAD);
}

static void null_sign_part(struct check *check)
{
    sign_init(check, check->session, check->mechanism, check->key.handle);
    EXPECT(check, C_SignUpdate(check->session, NULL, 8), BAD);
}

static void null_sign_final(struct check *check)
{
    sign_init(check, check->session, check->mechanism, check->key.handle);
    EXPECT(check, C_SignUpdate(check->session, bytes, 8), CKR_OK);
    EXPECT(check, C_SignFinal(check->session, bytes, NULL), BAD);
}

#define ROW(name, stage, text, ...) { text " is refused", stage, null_##name },

const struct check_case cases_null[] = {
    NULLS_LOADED(ROW) NULLS_INITIALIZED(ROW) NULLS_TOKEN(ROW) NULLS_SESSION(ROW) NULLS_KEY(ROW) /* and: */
    { "C_Login without a PIN is refused", SESSION, null_pin },
    { "C_FindObjects with no place for the handles or their number is refused", SESSION, null_search },
    { "C_Sign without data is refused", KEY, null_sign_data },
    { "C_Sign with no length is refused", KEY, null_sign_len },
    { "C_SignUpdate without data is refused", KEY, null_sign_part },
    { "C_SignFinal with no length is refused", KEY, null_sign_final },
    { 0 },
};
