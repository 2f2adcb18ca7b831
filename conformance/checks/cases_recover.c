/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_recover.c - signatures out of which the data can be recovered: RSA's, without a hash.
 *
 * Source: PKCS#11 v3.1 5.13.5 (C_SignRecoverInit), 5.13.6 (C_SignRecover), 5.15.5 (C_VerifyRecoverInit),
 *         5.15.6 (C_VerifyRecover), 6.1.6 (PKCS #1 v1.5 RSA), 6.1.11 (X.509 raw RSA).
 */
#include <string.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"
#include "conformance/checks/message.h"

/* The case's mechanism and an RSA key that has CKA_SIGN_RECOVER. */
static void begin(struct check *check)
{
    CK_MECHANISM mechanism = { check->index, NULL, 0 };
    CK_BBOOL recovers = CK_FALSE;
    CK_ULONG len = sizeof(recovers);

    check->mechanism = mechanism_find(check->index);
    if (!mechanism_does(check, check->index, CKF_SIGN_RECOVER))
        check_skip(check, "the token does not list %s with CKF_SIGN_RECOVER", check->mechanism->name);
    check->key = key_of_type(check, CKK_RSA);
    expect_true(check, object_read(check, check->key.handle, CKA_SIGN_RECOVER, &recovers, &len) && recovers,
                "the mechanism is listed, and the RSA key has no CKA_SIGN_RECOVER");
    REQUIRE(check, C_SignRecoverInit(check->session, &mechanism, check->key.handle));
    EXPECT(check, C_SignRecoverInit(check->session, &mechanism, check->key.handle), CKR_OPERATION_ACTIVE);
}

static CK_ULONG sign(struct check *check, struct message *message, CK_BYTE *signature)
{
    CK_ULONG len = 0;

    EXPECT(check, C_SignRecover(check->session, message->data, message->len, NULL, &len), CKR_OK);
    expect_true(check, len == check->key.signature_len, "the length is said to be %lu, wanted %lu", len,
                check->key.signature_len);
    len--;
    EXPECT(check, C_SignRecover(check->session, message->data, message->len, signature, &len),
           CKR_BUFFER_TOO_SMALL);
    len = SIGNATURE_MAX;
    REQUIRE(check, C_SignRecover(check->session, message->data, message->len, signature, &len));
    return len;
}

static void data_comes_back(struct check *check)
{
    CK_BYTE data[32] = { 0 }, signature[SIGNATURE_MAX];
    struct message message;
    CK_ULONG len = sizeof(signature);

    EXPECT(check, C_SignRecover(check->session, data, sizeof(data), signature, &len),
           CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_NOT_SUPPORTED);
    begin(check);
    message_init(check, &message);
    len = sign(check, &message, signature);
    expect_signature(check, &message, signature, len);
    EXPECT(check, C_SignRecover(check->session, message.data, message.len, signature, &len),
           CKR_OPERATION_NOT_INITIALIZED);
}

static void token_recovers(struct check *check)
{
    CK_MECHANISM mechanism = { check->index, NULL, 0 };
    CK_BYTE signature[SIGNATURE_MAX], data[SIGNATURE_MAX];
    CK_ULONG len, data_len = sizeof(data);
    CK_OBJECT_HANDLE public;
    struct message message;

    begin(check);
    public = object_find(check, CKO_PUBLIC_KEY, check->key.id, check->key.id_len);
    if (!mechanism_does(check, check->index, CKF_VERIFY_RECOVER) || public == CK_INVALID_HANDLE)
        check_skip(check, "the token does not verify with recovery, or shows no public key");
    message_init(check, &message);
    len = sign(check, &message, signature);
    REQUIRE(check, C_VerifyRecoverInit(check->session, &mechanism, public));
    EXPECT(check, C_VerifyRecover(check->session, signature, len, data, &data_len), CKR_OK);
    expect_true(check, data_len == message.len && !memcmp(data, message.data, data_len),
                "other data came back than was signed");
    signature[len / 2] ^= 1;
    data_len = sizeof(data);
    REQUIRE(check, C_VerifyRecoverInit(check->session, &mechanism, public));
    EXPECT(check, C_VerifyRecover(check->session, signature, len, data, &data_len), CKR_SIGNATURE_INVALID);
}

static void too_long(struct check *check)
{
    CK_BYTE data[4096] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    begin(check);
    EXPECT(check, C_SignRecover(check->session, data, sizeof(data), signature, &len), CKR_DATA_LEN_RANGE);
    EXPECT(check, C_SignRecover(check->session, data, 32, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
}

const struct check_case cases_recover[] = {
    { "C_SignRecover with CKM_RSA_PKCS signs what OpenSSL recovers", LOGIN, data_comes_back, NULL,
      CKM_RSA_PKCS },
    { "C_SignRecover with CKM_RSA_X_509 signs what OpenSSL recovers", LOGIN, data_comes_back, NULL,
      CKM_RSA_X_509 },
    { "C_VerifyRecover gives back what was signed, and refuses a changed one", LOGIN, token_recovers, NULL,
      CKM_RSA_PKCS },
    { "C_SignRecover of data longer than the key is refused, which ends it", LOGIN, too_long, NULL,
      CKM_RSA_PKCS },
    { 0 },
};
