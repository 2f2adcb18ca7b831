/* SPDX-License-Identifier: Apache-2.0 */
/* test_consent.c - keys that want the PIN for every signature; who else logs in, and as whom. */
#include <openssl/err.h>
#include <string.h>

#include "proto/pkcs11_more.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;
static CK_MECHANISM ecdsa = { CKM_ECDSA_SHA256, NULL, 0 };
static CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
static CK_BYTE signature[256];
static CK_ULONG len;

static void setup(void)
{
    fake_reset();
    fake.always_authenticate[FAKE_EC] = true;
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static void log_in(void)
{
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
}

static CK_RV consent(const char *pin)
{
    return C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)pin, strlen(pin));
}

static void begin(void)
{
    ck_assert_uint_eq(C_SignInit(session, &ecdsa, host_find(session, CKO_PRIVATE_KEY, "ec")), CKR_OK);
}

static CK_RV sign(void)
{
    len = sizeof(signature);
    return C_Sign(session, (CK_BYTE *)"a letter", 8, signature, &len);
}

START_TEST(one_pin_is_good_for_one_signature)
{
    log_in();
    begin();
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
    ck_assert_uint_eq(fake.once, 1);
    begin();
    ck_assert_uint_eq(sign(), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(fake.signatures, 1);
    ck_assert_uint_eq(sign(), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(question_for_the_length_uses_nothing_up)
{
    log_in();
    begin();
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_Sign(session, (CK_BYTE *)"a letter", 8, NULL, &len), CKR_OK);
    ck_assert_uint_eq(len, 64);
    ck_assert_uint_eq(sign(), CKR_OK);
}
END_TEST

START_TEST(parts_are_collected_and_the_pin_comes_before_the_end)
{
    log_in();
    begin();
    ck_assert_uint_eq(C_SignUpdate(session, (CK_BYTE *)"a letter", 8), CKR_OK);
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OK);
    len = sizeof(signature);
    ck_assert_uint_eq(C_SignFinal(session, signature, &len), CKR_OK);
}
END_TEST

START_TEST(wrong_pin_signs_nothing_and_may_be_corrected)
{
    log_in();
    begin();
    ck_assert_uint_eq(consent("wrong one"), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(sign(), CKR_OK);
}
END_TEST

START_TEST(pin_that_no_operation_waits_for_is_refused)
{
    log_in();
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(C_SignInit(session, &pkcs1, host_find(session, CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    ck_assert_uint_eq(consent(FAKE_PIN), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(fake.consents, 0);
}
END_TEST

START_TEST(key_says_that_it_wants_the_pin)
{
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE wanted = { CKA_ALWAYS_AUTHENTICATE, &value, sizeof(value) };

    log_in();
    ck_assert_uint_eq(C_GetAttributeValue(session, host_find(session, CKO_PRIVATE_KEY, "ec"), &wanted, 1),
                      CKR_OK);
    ck_assert_uint_eq(value, CK_TRUE);
    ck_assert_uint_eq(C_GetAttributeValue(session, host_find(session, CKO_PRIVATE_KEY, "rsa"), &wanted, 1),
                      CKR_OK);
    ck_assert_uint_eq(value, CK_FALSE);
}
END_TEST

START_TEST(user_has_the_name_of_the_token_or_none)
{
    CK_UTF8CHAR *pin = (CK_UTF8CHAR *)FAKE_PIN;

    ck_assert_uint_eq(C_LoginUser(session, CKU_USER, pin, 6, (CK_UTF8CHAR *)"bob", 3), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(fake.logins, 0);
    ck_assert_uint_eq(C_LoginUser(session, CKU_USER, pin, 6, NULL, 3), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_LoginUser(session, CKU_USER, pin, 6, (CK_UTF8CHAR *)FAKE_TOKEN, strlen(FAKE_TOKEN)),
                      CKR_OK);
    ck_assert_uint_eq(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(C_LoginUser(session, CKU_USER, pin, 6, NULL, 0), CKR_OK);
}
END_TEST

START_TEST(signed_data_is_recovered)
{
    CK_OBJECT_HANDLE private_key, public_key;
    CK_BYTE data[256];
    CK_ULONG data_len = 3;

    log_in();
    private_key = host_find(session, CKO_PRIVATE_KEY, "rsa");
    public_key = host_find(session, CKO_PUBLIC_KEY, "rsa");
    ck_assert_uint_eq(C_SignRecoverInit(session, &ecdsa, private_key), CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(C_SignRecoverInit(session, &pkcs1, private_key), CKR_OK);
    len = sizeof(signature);
    ck_assert_uint_eq(C_SignRecover(session, (CK_BYTE *)"a letter", 8, signature, &len), CKR_OK);
    ck_assert_uint_eq(C_VerifyRecoverInit(session, &pkcs1, public_key), CKR_OK);
    ck_assert_uint_eq(C_VerifyRecover(session, signature, len, data, &data_len), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(data_len, 8);
    ck_assert_uint_eq(C_VerifyRecover(session, signature, len, data, &data_len), CKR_OK);
    ck_assert_mem_eq(data, "a letter", 8);
    signature[5] ^= 1;
    ck_assert_uint_eq(C_VerifyRecoverInit(session, &pkcs1, public_key), CKR_OK);
    ck_assert_uint_eq(C_VerifyRecover(session, signature, len, data, &data_len), CKR_SIGNATURE_INVALID);
    ck_assert_uint_eq(C_VerifyRecover(session, signature, len, data, &data_len),
                      CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

/* The queue is the thread's: what we leave there, a host takes for an error of its own. */
START_TEST(openssls_errors_are_those_of_the_host_alone)
{
    CK_BYTE wrong[256] = { 1 };

    log_in();
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 77);
    ck_assert_uint_eq(C_VerifyInit(session, &pkcs1, host_find(session, CKO_PUBLIC_KEY, "rsa")), CKR_OK);
    ck_assert_uint_eq(C_Verify(session, (CK_BYTE *)"x", 1, wrong, sizeof(wrong)), CKR_SIGNATURE_INVALID);
    ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()), 77);
    ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 77);
    ck_assert_uint_eq(ERR_get_error(), 0);
    ck_assert_uint_eq(C_VerifyInit(session, &pkcs1, host_find(session, CKO_PUBLIC_KEY, "rsa")), CKR_OK);
    ck_assert_uint_eq(C_Verify(session, (CK_BYTE *)"x", 1, wrong, sizeof(wrong)), CKR_SIGNATURE_INVALID);
    ck_assert_uint_eq(ERR_get_error(), 0);
}
END_TEST

SUITE_WITH_FIXTURE("entry/consent", setup, teardown, one_pin_is_good_for_one_signature,
                   question_for_the_length_uses_nothing_up,
                   parts_are_collected_and_the_pin_comes_before_the_end,
                   wrong_pin_signs_nothing_and_may_be_corrected, pin_that_no_operation_waits_for_is_refused,
                   key_says_that_it_wants_the_pin, user_has_the_name_of_the_token_or_none,
                   signed_data_is_recovered, openssls_errors_are_those_of_the_host_alone);
