/* SPDX-License-Identifier: Apache-2.0 */
/* test_decrypt.c - a key made to decrypt: what was encrypted for it opens, in whatever way it is asked for. */
#include <string.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;
static CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
static CK_BYTE secret[] = "attack at dawn";
static CK_BYTE ciphertext[256];

static void setup(void)
{
    fake_reset();
    fake.usage[FAKE_RSA] = PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT;
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
}

static void teardown(void)
{
    C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static CK_OBJECT_HANDLE key(CK_OBJECT_CLASS class)
{
    return host_find(session, class, "rsa");
}

/* Into ciphertext. */
static void encrypt(CK_MECHANISM *mechanism)
{
    CK_ULONG len = sizeof(ciphertext);

    ck_assert_uint_eq(C_EncryptInit(session, mechanism, key(CKO_PUBLIC_KEY)), CKR_OK);
    ck_assert_uint_eq(C_Encrypt(session, secret, sizeof(secret), ciphertext, &len), CKR_OK);
    ck_assert_uint_eq(len, sizeof(ciphertext));
}

static void begin(CK_MECHANISM *mechanism)
{
    encrypt(mechanism);
    ck_assert_uint_eq(C_DecryptInit(session, mechanism, key(CKO_PRIVATE_KEY)), CKR_OK);
}

START_TEST(what_was_encrypted_here_is_decrypted_there)
{
    CK_RSA_PKCS_OAEP_PARAMS params = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_MECHANISM oaep = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    CK_MECHANISM *const mechanisms[] = { &pkcs1, &oaep };

    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        CK_BYTE plaintext[256];
        CK_ULONG len = sizeof(plaintext);

        begin(mechanisms[i]);
        ck_assert_uint_eq(C_Decrypt(session, ciphertext, sizeof(ciphertext), plaintext, &len), CKR_OK);
        ck_assert_uint_eq(len, sizeof(secret));
        ck_assert_mem_eq(plaintext, secret, sizeof(secret));
    }
    ck_assert_uint_eq(fake.decryptions, 2);
}
END_TEST

START_TEST(block_may_come_in_parts)
{
    CK_BYTE plaintext[256];
    CK_ULONG len = sizeof(plaintext);

    begin(&pkcs1);
    ck_assert_uint_eq(C_DecryptUpdate(session, ciphertext, 100, plaintext, &len), CKR_OK);
    ck_assert_uint_eq(len, 0);
    len = sizeof(plaintext);
    ck_assert_uint_eq(C_DecryptUpdate(session, ciphertext + 100, 156, NULL, &len), CKR_OK); /* a question */
    ck_assert_uint_eq(C_DecryptUpdate(session, ciphertext + 100, 156, plaintext, &len), CKR_OK);
    len = sizeof(plaintext);
    ck_assert_uint_eq(C_DecryptFinal(session, plaintext, &len), CKR_OK);
    ck_assert_uint_eq(len, sizeof(secret));
    ck_assert_mem_eq(plaintext, secret, sizeof(secret));
    ck_assert_uint_eq(C_DecryptFinal(session, plaintext, &len), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(encryption_may_come_in_parts)
{
    CK_BYTE none[1], plaintext[256];
    CK_ULONG len = sizeof(none);

    ck_assert_uint_eq(C_EncryptInit(session, &pkcs1, key(CKO_PUBLIC_KEY)), CKR_OK);
    ck_assert_uint_eq(C_EncryptUpdate(session, secret, 5, none, &len), CKR_OK);
    ck_assert_uint_eq(C_EncryptUpdate(session, secret + 5, sizeof(secret) - 5, none, &len), CKR_OK);
    len = sizeof(ciphertext);
    ck_assert_uint_eq(C_EncryptFinal(session, ciphertext, &len), CKR_OK);
    ck_assert_uint_eq(C_DecryptInit(session, &pkcs1, key(CKO_PRIVATE_KEY)), CKR_OK);
    len = sizeof(plaintext);
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, sizeof(ciphertext), plaintext, &len), CKR_OK);
    ck_assert_mem_eq(plaintext, secret, sizeof(secret));
}
END_TEST

START_TEST(length_is_asked_for_without_the_server)
{
    CK_ULONG len = 0;

    begin(&pkcs1);
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, sizeof(ciphertext), NULL, &len), CKR_OK);
    ck_assert_uint_eq(len, 256); /* no plaintext is longer */
    ck_assert_uint_eq(fake.decryptions, 0);
}
END_TEST

START_TEST(buffer_just_long_enough_will_do_and_a_shorter_one_is_told)
{
    CK_BYTE plaintext[sizeof(secret)];
    CK_ULONG len = sizeof(plaintext) - 1;

    begin(&pkcs1);
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, sizeof(ciphertext), plaintext, &len),
                      CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(len, sizeof(secret));
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, sizeof(ciphertext), plaintext, &len), CKR_OK);
    ck_assert_mem_eq(plaintext, secret, sizeof(secret));
}
END_TEST

START_TEST(bad_ciphertext_ends_the_operation)
{
    CK_BYTE plaintext[256];
    CK_ULONG len = sizeof(plaintext);

    begin(&pkcs1);
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, 255, plaintext, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    ck_assert_uint_eq(fake.decryptions, 0);
    ck_assert_uint_eq(C_Decrypt(session, ciphertext, 256, plaintext, &len), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(key_is_good_for_its_one_use)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_OBJECT_HANDLE ec = host_find(session, CKO_PRIVATE_KEY, "ec");

    ck_assert_uint_eq(C_SignInit(session, &pkcs1, key(CKO_PRIVATE_KEY)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(C_VerifyInit(session, &pkcs1, key(CKO_PUBLIC_KEY)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(C_DecryptInit(session, &pkcs1, key(CKO_PUBLIC_KEY)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(C_EncryptInit(session, &pkcs1, key(CKO_PRIVATE_KEY)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(C_DecryptInit(session, &pkcs1, ec), CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(C_DecryptInit(session, &ecdsa, ec), CKR_MECHANISM_INVALID);
}
END_TEST

START_TEST(attributes_say_what_the_key_does)
{
    static const struct {
        CK_OBJECT_CLASS class;
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
    } rows[] = {
        { CKO_PRIVATE_KEY, CKA_DECRYPT, CK_TRUE },     { CKO_PRIVATE_KEY, CKA_SIGN, CK_FALSE },
        { CKO_PRIVATE_KEY, CKA_DERIVE, CK_FALSE },     { CKO_PRIVATE_KEY, CKA_SIGN_RECOVER, CK_FALSE },
        { CKO_PUBLIC_KEY, CKA_ENCRYPT, CK_TRUE },      { CKO_PUBLIC_KEY, CKA_VERIFY, CK_FALSE },
        { CKO_PRIVATE_KEY, CKA_DESTROYABLE, CK_TRUE }, { CKO_PUBLIC_KEY, CKA_DESTROYABLE, CK_FALSE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CK_BBOOL value = 2;
        CK_ATTRIBUTE wanted = { rows[i].type, &value, sizeof(value) };

        ck_assert_uint_eq(C_GetAttributeValue(session, key(rows[i].class), &wanted, 1), CKR_OK);
        ck_assert_uint_eq(value, rows[i].value);
    }
}
END_TEST

START_TEST(parameters_that_do_not_agree_are_refused)
{
    CK_RSA_PKCS_OAEP_PARAMS params = { CKM_SHA_1, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_MECHANISM oaep = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };

    ck_assert_uint_eq(C_DecryptInit(session, &oaep, key(CKO_PRIVATE_KEY)), CKR_MECHANISM_PARAM_INVALID);
    params.hashAlg = CKM_SHA256; /* they do, but the token does not have it */
    ck_assert_uint_eq(C_DecryptInit(session, &oaep, key(CKO_PRIVATE_KEY)), CKR_MECHANISM_PARAM_INVALID);
    params.hashAlg = CKM_SHA_1;
    params.mgf = CKG_MGF1_SHA1;
    params.pSourceData = "label";
    params.ulSourceDataLen = 5;
    ck_assert_uint_eq(C_DecryptInit(session, &oaep, key(CKO_PRIVATE_KEY)), CKR_MECHANISM_PARAM_INVALID);
    oaep.ulParameterLen = 3;
    ck_assert_uint_eq(C_DecryptInit(session, &oaep, key(CKO_PRIVATE_KEY)), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

START_TEST(mechanisms_say_that_they_decrypt)
{
    CK_MECHANISM_INFO info;

    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_RSA_PKCS, &info), CKR_OK);
    ck_assert_uint_eq(info.flags & (CKF_SIGN | CKF_DECRYPT | CKF_SIGN_RECOVER),
                      CKF_SIGN | CKF_DECRYPT | CKF_SIGN_RECOVER);
    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_RSA_PKCS_OAEP, &info), CKR_OK);
    ck_assert_uint_eq(info.flags & (CKF_SIGN | CKF_DECRYPT), CKF_DECRYPT);
    ck_assert_uint_eq(C_GetMechanismInfo(0, CKM_ECDH1_DERIVE, &info), CKR_OK);
    ck_assert_uint_eq(info.flags & (CKF_SIGN | CKF_DERIVE), CKF_DERIVE);
}
END_TEST

SUITE_WITH_FIXTURE("entry/decrypt", setup, teardown, what_was_encrypted_here_is_decrypted_there,
                   block_may_come_in_parts, encryption_may_come_in_parts,
                   length_is_asked_for_without_the_server,
                   buffer_just_long_enough_will_do_and_a_shorter_one_is_told,
                   bad_ciphertext_ends_the_operation, key_is_good_for_its_one_use,
                   attributes_say_what_the_key_does, parameters_that_do_not_agree_are_refused,
                   mechanisms_say_that_they_decrypt);
