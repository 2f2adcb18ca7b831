/* SPDX-License-Identifier: Apache-2.0 */
/* test_message.c - one beginning, many signatures; and one that fails takes no other with it. */
#include <string.h>

#include "proto/pkcs11_more.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key, public_key;
static CK_MECHANISM ecdsa = { CKM_ECDSA_SHA256, NULL, 0 };
static CK_BYTE signature[64];
static CK_ULONG len = sizeof(signature);

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    private_key = host_find(session, CKO_PRIVATE_KEY, "ec");
    public_key = host_find(session, CKO_PUBLIC_KEY, "ec");
}

static void teardown(void)
{
    C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static CK_RV sign(const char *text)
{
    len = sizeof(signature);
    return C_SignMessage(session, NULL, 0, (CK_BYTE *)text, strlen(text), signature, &len);
}

static CK_RV verify(const char *text)
{
    return C_VerifyMessage(session, NULL, 0, (CK_BYTE *)text, strlen(text), signature, len);
}

START_TEST(one_beginning_signs_many_messages)
{
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OK);
    ck_assert_uint_eq(C_MessageVerifyInit(session, &ecdsa, public_key), CKR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(sign("a letter"), CKR_OK);
        ck_assert_uint_eq(verify("a letter"), CKR_OK);
        ck_assert_uint_eq(verify("another"), CKR_SIGNATURE_INVALID);
    }
    ck_assert_uint_eq(C_MessageSignFinal(session), CKR_OK);
    ck_assert_uint_eq(C_MessageVerifyFinal(session), CKR_OK);
    ck_assert_uint_eq(sign("a letter"), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(verify("a letter"), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(C_MessageSignFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(fake.signatures, 3);
}
END_TEST

START_TEST(message_may_come_in_parts)
{
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OK);
    ck_assert_uint_eq(C_SignMessageBegin(session, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_SignMessageBegin(session, NULL, 0), CKR_OPERATION_ACTIVE);
    ck_assert_uint_eq(sign("between"), CKR_OPERATION_ACTIVE);
    ck_assert_uint_eq(C_SignMessageNext(session, NULL, 0, (CK_BYTE *)"a ", 2, NULL, NULL), CKR_OK);
    len = 0;
    ck_assert_uint_eq(C_SignMessageNext(session, NULL, 0, (CK_BYTE *)"letter", 6, NULL, &len), CKR_OK);
    ck_assert_uint_eq(len, sizeof(signature)); /* a question: the part is not taken yet */
    ck_assert_uint_eq(C_SignMessageNext(session, NULL, 0, (CK_BYTE *)"letter", 6, signature, &len), CKR_OK);
    ck_assert_uint_eq(C_MessageVerifyInit(session, &ecdsa, public_key), CKR_OK);
    ck_assert_uint_eq(verify("a letter"), CKR_OK);
    ck_assert_uint_eq(C_VerifyMessageBegin(session, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_VerifyMessageNext(session, NULL, 0, (CK_BYTE *)"a let", 5, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_VerifyMessageNext(session, NULL, 0, (CK_BYTE *)"ter", 3, signature, len), CKR_OK);
    ck_assert_uint_eq(C_VerifyMessageNext(session, NULL, 0, (CK_BYTE *)"x", 1, signature, len),
                      CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(failed_message_leaves_the_beginning)
{
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OK);
    fake.sign_rv = CKR_DEVICE_ERROR;
    ck_assert_uint_eq(sign("a letter"), CKR_DEVICE_ERROR);
    fake.sign_rv = CKR_OK;
    ck_assert_uint_eq(sign("a letter"), CKR_OK);
    len = 3;
    ck_assert_uint_eq(C_SignMessage(session, NULL, 0, signature, 1, signature, &len), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(sign("a letter"), CKR_OK);
}
END_TEST

START_TEST(message_has_no_parameter)
{
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OK);
    ck_assert_uint_eq(C_SignMessage(session, "x", 1, signature, 1, signature, &len),
                      CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(C_SignMessageBegin(session, "x", 1), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

START_TEST(ordinary_signature_is_apart)
{
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OK);
    ck_assert_uint_eq(C_SignInit(session, &ecdsa, private_key), CKR_OK);
    ck_assert_uint_eq(sign("a letter"), CKR_OK);
    ck_assert_uint_eq(C_Sign(session, (CK_BYTE *)"x", 1, signature, &len), CKR_OK);
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, private_key), CKR_OPERATION_ACTIVE);
    ck_assert_uint_eq(C_SessionCancel(session, CKF_MESSAGE_SIGN), CKR_OK);
    ck_assert_uint_eq(sign("a letter"), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(key_that_wants_the_pin_each_time_has_no_moment_for_it)
{
    fake.always_authenticate[FAKE_EC] = true;
    ck_assert_uint_eq(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_MessageSignInit(session, &ecdsa, host_find(session, CKO_PRIVATE_KEY, "ec")),
                      CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(sign("a letter"), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

SUITE_WITH_FIXTURE("entry/message", setup, teardown, one_beginning_signs_many_messages,
                   message_may_come_in_parts, failed_message_leaves_the_beginning, message_has_no_parameter,
                   ordinary_signature_is_apart, key_that_wants_the_pin_each_time_has_no_moment_for_it);
