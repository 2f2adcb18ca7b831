/* SPDX-License-Identifier: Apache-2.0 */
/* test_sign.c - every signing mechanism end to end: signed there, verified here; and what may go wrong. */
#include <openssl/engine.h>
#include <pthread.h>

#include "include/table.h"
#include "proto/mechanism.h"
#include "proto/public_key.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* engines, which hosts still have */

static CK_SESSION_HANDLE session;

static void setup(void)
{
    fake_reset();
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

/* --------------------------------------------------------------------------------- each of the mechanisms */

struct row {
    CK_MECHANISM_TYPE type;
    const char *key;
    CK_MECHANISM_TYPE pss_hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG data_len, signature_len;
    CK_MECHANISM_TYPE raw, hash; /* what the server is asked for */
};

static const struct row rows[] = {
    { CKM_RSA_PKCS, "rsa", 0, 0, 35, 256, CKM_RSA_PKCS, 0 },
    { CKM_SHA256_RSA_PKCS, "rsa", 0, 0, 5000, 256, CKM_RSA_PKCS, CKM_SHA256 },
    { CKM_SHA384_RSA_PKCS, "rsa", 0, 0, 5000, 256, CKM_RSA_PKCS, CKM_SHA384 },
    { CKM_SHA512_RSA_PKCS, "rsa", 0, 0, 5000, 256, CKM_RSA_PKCS, CKM_SHA512 },
    { CKM_RSA_PKCS_PSS, "rsa", CKM_SHA384, CKG_MGF1_SHA384, 48, 256, CKM_RSA_PKCS_PSS, CKM_SHA384 },
    { CKM_SHA256_RSA_PKCS_PSS, "rsa", CKM_SHA256, CKG_MGF1_SHA256, 5000, 256, CKM_RSA_PKCS_PSS, CKM_SHA256 },
    { CKM_SHA512_RSA_PKCS_PSS, "rsa", CKM_SHA512, CKG_MGF1_SHA512, 5000, 256, CKM_RSA_PKCS_PSS, CKM_SHA512 },
    { CKM_ECDSA, "ec", 0, 0, 32, 64, CKM_ECDSA, 0 },
    { CKM_ECDSA_SHA256, "ec", 0, 0, 5000, 64, CKM_ECDSA, CKM_SHA256 },
    { CKM_ECDSA_SHA512, "ec", 0, 0, 5000, 64, CKM_ECDSA, CKM_SHA512 },
    { CKM_EDDSA, "ed25519", 0, 0, 5000, 64, CKM_EDDSA, 0 },
};

static CK_BYTE data[5000];

static CK_MECHANISM mechanism_of(const struct row *row, CK_RSA_PKCS_PSS_PARAMS *pss)
{
    *pss = (CK_RSA_PKCS_PSS_PARAMS){ row->pss_hash, row->mgf, 20 };
    return (CK_MECHANISM){ row->type, row->pss_hash ? pss : NULL, row->pss_hash ? sizeof(*pss) : 0 };
}

static void init(const struct row *row)
{
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_MECHANISM mechanism = mechanism_of(row, &pss);

    ck_assert_uint_eq(C_SignInit(session, &mechanism, host_find(session, CKO_PRIVATE_KEY, row->key)), CKR_OK);
}

static CK_RV verify(const struct row *row, CK_BYTE *signature)
{
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_MECHANISM mechanism = mechanism_of(row, &pss);

    ck_assert_uint_eq(C_VerifyInit(session, &mechanism, host_find(session, CKO_PUBLIC_KEY, row->key)),
                      CKR_OK);
    return C_Verify(session, data, row->data_len, signature, row->signature_len);
}

START_TEST(every_mechanism_signs_at_once_what_verifies)
{
    CK_BYTE signature[512];
    const struct row *row;

    for (EACH_ROW(row, rows)) {
        CK_ULONG len = sizeof(signature);

        init(row);
        ck_assert_uint_eq(C_Sign(session, data, row->data_len, signature, &len), CKR_OK);
        ck_assert_uint_eq(len, row->signature_len);
        ck_assert_uint_eq(fake.last_sign.raw, row->raw);
        ck_assert_uint_eq(fake.last_sign.hash, row->hash);
        ck_assert_uint_eq(verify(row, signature), CKR_OK);
        signature[len - 1] ^= 1;
        ck_assert_uint_eq(verify(row, signature), CKR_SIGNATURE_INVALID);
    }
}
END_TEST

START_TEST(every_mechanism_signs_in_parts_what_verifies)
{
    CK_BYTE signature[512];
    const struct row *row;

    for (EACH_ROW(row, rows)) {
        CK_ULONG len = sizeof(signature);

        init(row);
        ck_assert_uint_eq(C_SignUpdate(session, data, 1), CKR_OK);
        ck_assert_uint_eq(C_SignUpdate(session, data + 1, row->data_len - 1), CKR_OK);
        ck_assert_uint_eq(C_SignFinal(session, signature, &len), CKR_OK);
        ck_assert_uint_eq(verify(row, signature), CKR_OK);
    }
}
END_TEST

START_TEST(empty_message_needs_no_update)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE key = host_find(session, CKO_PUBLIC_KEY, "rsa");
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);

    init(&rows[1]);
    ck_assert_uint_eq(C_SignFinal(session, signature, &len), CKR_OK);
    ck_assert_uint_eq(C_VerifyInit(session, &mechanism, key), CKR_OK);
    ck_assert_uint_eq(C_VerifyFinal(session, signature, len), CKR_OK);
}
END_TEST

/* What libp11's engine does once it is the default: every key of these types is its own, done in software. */
static int methods_of_engine(ENGINE *engine, EVP_PKEY_METHOD **method, const int **ret_types, int type)
{
    static const int types[] = { EVP_PKEY_RSA, EVP_PKEY_EC };
    static EVP_PKEY_METHOD *methods[ARRAY_SIZE(types)];
    int i = type == types[0] ? 0 : 1;

    (void)engine;
    if (!method) {
        *ret_types = types;
        return ARRAY_SIZE(types);
    }
    if (!methods[i]) {
        methods[i] = EVP_PKEY_meth_new(type, 0);
        EVP_PKEY_meth_copy(methods[i], EVP_PKEY_meth_find(type));
    }
    *method = methods[i];
    return 1;
}

/* OpenSSL's pkcs11 engine loads us and is then asked for every key in the process, unless one takes care. */
START_TEST(default_engine_of_the_host_hides_no_key)
{
    ENGINE *engine = ENGINE_new();
    const struct row *row;

    ck_assert_int_eq(ENGINE_set_pkey_meths(engine, methods_of_engine), 1);
    ck_assert_int_eq(ENGINE_set_default_pkey_meths(engine), 1);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    for (EACH_ROW(row, rows)) {
        init(row);
        ck_assert_uint_eq(C_SignUpdate(session, data, row->data_len), CKR_OK);
        ck_assert_uint_eq(C_SignInit(session, NULL, 0), CKR_OK);
    }
    ENGINE_unregister_pkey_meths(engine);
    ENGINE_free(engine);
}
END_TEST

/* ---------------------------------------------------------------------------------------- when it goes on */

START_TEST(length_question_costs_no_request_and_keeps_the_operation)
{
    CK_BYTE signature[256];
    CK_ULONG len = 0;

    init(&rows[0]);
    ck_assert_uint_eq(C_Sign(session, data, 35, NULL, &len), CKR_OK);
    ck_assert_uint_eq(len, 256);
    len = 255;
    ck_assert_uint_eq(C_Sign(session, data, 35, signature, &len), CKR_BUFFER_TOO_SMALL);
    ck_assert_uint_eq(len, 256);
    ck_assert_uint_eq(fake.signatures, 0);
    ck_assert_uint_eq(C_Sign(session, data, 35, signature, &len), CKR_OK);
    ck_assert_uint_eq(fake.signatures, 1);
}
END_TEST

/* Left active, it would block PyKCS11 and OpenSSH on that session. */
START_TEST(failed_signature_ends_the_operation)
{
    static const struct {
        CK_RV server, application;
    } answers[] = {
        { CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR },
        { CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR },
        { CKR_USER_NOT_LOGGED_IN, CKR_USER_NOT_LOGGED_IN },
        { CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_FUNCTION_NOT_PERMITTED },
    };
    CK_BYTE signature[256];
    CK_SESSION_INFO info;

    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        CK_ULONG len = sizeof(signature);

        fake.sign_rv = answers[i].server;
        init(&rows[0]);
        ck_assert_uint_eq(C_Sign(session, data, 35, signature, &len), answers[i].application);
        ck_assert_uint_eq(C_SignUpdate(session, data, 1), CKR_OPERATION_NOT_INITIALIZED);
        ck_assert_uint_eq(C_GetSessionInfo(session, &info), CKR_OK);
    }
}
END_TEST

START_TEST(bad_arguments_end_the_operation)
{
    CK_ULONG len = 256;

    init(&rows[0]);
    ck_assert_uint_eq(C_Sign(session, NULL, 35, NULL, &len), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_SignFinal(session, NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
    init(&rows[0]);
    ck_assert_uint_eq(C_Sign(session, data, 35, data, NULL), CKR_ARGUMENTS_BAD);
    ck_assert_uint_eq(C_SignFinal(session, NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(data_of_a_wrong_length_is_refused_here)
{
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);

    init(&rows[0]);
    ck_assert_uint_eq(C_Sign(session, data, 256 - 10, signature, &len), CKR_DATA_LEN_RANGE);
    init(&rows[4]);
    ck_assert_uint_eq(C_Sign(session, data, 32, signature, &len), CKR_DATA_LEN_RANGE);
    ck_assert_uint_eq(fake.signatures, 0);
}
END_TEST

/* --------------------------------------------------------------------------------------------- beginnings */

START_TEST(what_cannot_begin_says_why)
{
    CK_OBJECT_HANDLE rsa = host_find(session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE public = host_find(session, CKO_PUBLIC_KEY, "rsa");
    CK_OBJECT_HANDLE certificate = host_find(session, CKO_CERTIFICATE, "rsa");
    CK_RSA_PKCS_PSS_PARAMS wrong_hash = { CKM_SHA512, CKG_MGF1_SHA512, 20 };
    CK_RSA_PKCS_PSS_PARAMS wrong_mask = { CKM_SHA256, CKG_MGF1_SHA1, 20 };
    CK_RSA_PKCS_PSS_PARAMS long_salt = { CKM_SHA256, CKG_MGF1_SHA256, 223 };
    const struct {
        CK_MECHANISM mechanism;
        CK_OBJECT_HANDLE key;
        CK_RV rv;
    } cases[] = {
        { { CKM_MD5_RSA_PKCS, NULL, 0 }, rsa, CKR_MECHANISM_INVALID },
        { { CKM_SHA256, NULL, 0 }, rsa, CKR_MECHANISM_INVALID },
        { { CKM_RSA_PKCS, data, 1 }, rsa, CKR_MECHANISM_PARAM_INVALID },
        { { CKM_RSA_PKCS_PSS, NULL, 0 }, rsa, CKR_MECHANISM_PARAM_INVALID },
        { { CKM_SHA256_RSA_PKCS_PSS, &wrong_hash, sizeof(wrong_hash) }, rsa, CKR_MECHANISM_PARAM_INVALID },
        { { CKM_SHA256_RSA_PKCS_PSS, &wrong_mask, sizeof(wrong_mask) }, rsa, CKR_MECHANISM_PARAM_INVALID },
        { { CKM_SHA256_RSA_PKCS_PSS, &long_salt, sizeof(long_salt) }, rsa, CKR_MECHANISM_PARAM_INVALID },
        { { CKM_ECDSA, NULL, 0 }, rsa, CKR_KEY_TYPE_INCONSISTENT },
        { { CKM_RSA_PKCS, NULL, 0 }, public, CKR_KEY_FUNCTION_NOT_PERMITTED },
        { { CKM_RSA_PKCS, NULL, 0 }, certificate, CKR_KEY_HANDLE_INVALID },
        { { CKM_RSA_PKCS, NULL, 0 }, CK_INVALID_HANDLE, CKR_KEY_HANDLE_INVALID },
        { { CKM_RSA_PKCS, NULL, 0 }, ~0UL, CKR_KEY_HANDLE_INVALID },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CK_MECHANISM mechanism = cases[i].mechanism;

        ck_assert_uint_eq(C_SignInit(session, &mechanism, cases[i].key), cases[i].rv);
    }
    ck_assert_uint_eq(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(C_SignInit(session, &(CK_MECHANISM){ CKM_RSA_PKCS, NULL, 0 }, rsa),
                      CKR_USER_NOT_LOGGED_IN);
}
END_TEST

START_TEST(null_mechanism_cancels_what_is_under_way)
{
    CK_ULONG len;

    ck_assert_uint_eq(C_SignInit(session, NULL, 0), CKR_ARGUMENTS_BAD);
    init(&rows[0]);
    ck_assert_uint_eq(C_SignInit(session, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_SignFinal(session, NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(session_cancel_ends_what_it_names)
{
    CK_ULONG len;

    init(&rows[0]);
    ck_assert_uint_eq(C_SessionCancel(session, CKF_VERIFY | CKF_DIGEST), CKR_OK);
    ck_assert_uint_eq(C_SignUpdate(session, data, 1), CKR_OK);
    ck_assert_uint_eq(C_SessionCancel(session, CKF_SIGN), CKR_OK);
    ck_assert_uint_eq(C_SignFinal(session, NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

/* ------------------------------------------------------------------------------------ digests and threads */

START_TEST(digest_is_made_here)
{
    CK_MECHANISM mechanism = { CKM_SHA512, NULL, 0 };
    CK_BYTE once[64], parts[64];
    CK_ULONG len = 0;

    ck_assert_uint_eq(C_DigestInit(session, &mechanism), CKR_OK);
    ck_assert_uint_eq(C_Digest(session, data, sizeof(data), NULL, &len), CKR_OK);
    ck_assert_uint_eq(len, 64);
    ck_assert_uint_eq(C_Digest(session, data, sizeof(data), once, &len), CKR_OK);
    ck_assert_uint_eq(C_DigestInit(session, &mechanism), CKR_OK);
    ck_assert_uint_eq(C_DigestUpdate(session, data, 4000), CKR_OK);
    ck_assert_uint_eq(C_DigestUpdate(session, data + 4000, 1000), CKR_OK);
    ck_assert_uint_eq(C_DigestFinal(session, parts, &len), CKR_OK);
    ck_assert_mem_eq(once, parts, 64);
    ck_assert_uint_eq(C_DigestInit(session, &mechanism), CKR_OK);
    ck_assert_uint_eq(C_DigestKey(session, host_find(session, CKO_PUBLIC_KEY, "rsa")), CKR_KEY_INDIGESTIBLE);
}
END_TEST

static void *sign_once(void *ret_rv)
{
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    CK_SESSION_HANDLE own = host_open();
    CK_BYTE signature[64];
    CK_ULONG len = sizeof(signature);

    ck_assert_uint_eq(C_SignInit(own, &mechanism, host_find(own, CKO_PRIVATE_KEY, "ec")), CKR_OK);
    *(CK_RV *)ret_rv = C_Sign(own, data, 32, signature, &len);
    ck_assert_uint_eq(C_CloseSession(own), CKR_OK);
    return NULL;
}

/* All of them stand at the server at once, or the barrier would never open. */
START_TEST(sixty_four_threads_sign_at_once)
{
    enum { THREADS = 64 };
    pthread_t threads[THREADS];
    pthread_barrier_t meet;
    CK_RV rvs[THREADS];

    pthread_barrier_init(&meet, NULL, THREADS);
    fake.meet = &meet;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_once, &rvs[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(rvs[i], CKR_OK);
    }
    ck_assert_uint_eq(fake.signatures, THREADS);
}
END_TEST

static void *sign_on_shared_session(void *unused)
{
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);

    (void)unused;
    ck_assert_uint_eq(C_Sign(session, data, 35, signature, &len), CKR_OK);
    return NULL;
}

START_TEST(session_is_free_while_its_signature_is_made)
{
    pthread_barrier_t meet;
    CK_SESSION_INFO info;
    pthread_t thread;
    CK_ULONG len;

    host_open(); /* so that the login outlives the other one */
    pthread_barrier_init(&meet, NULL, 2);
    fake.meet = &meet;
    init(&rows[0]);
    ck_assert_int_eq(pthread_create(&thread, NULL, sign_on_shared_session, NULL), 0);
    while (C_SignFinal(session, NULL, &len) == CKR_OK)
        continue; /* a question for the length, until the other thread has taken the operation */
    ck_assert_uint_eq(C_GetSessionInfo(session, &info), CKR_OK);
    ck_assert_uint_eq(C_CloseSession(session), CKR_OK);
    pthread_barrier_wait(&meet);
    pthread_join(thread, NULL);
}
END_TEST

SUITE_WITH_FIXTURE("entry/sign", setup, teardown, every_mechanism_signs_at_once_what_verifies,
                   every_mechanism_signs_in_parts_what_verifies, empty_message_needs_no_update,
                   default_engine_of_the_host_hides_no_key,
                   length_question_costs_no_request_and_keeps_the_operation,
                   failed_signature_ends_the_operation, bad_arguments_end_the_operation,
                   data_of_a_wrong_length_is_refused_here, what_cannot_begin_says_why,
                   null_mechanism_cancels_what_is_under_way, session_cancel_ends_what_it_names,
                   digest_is_made_here, sixty_four_threads_sign_at_once,
                   session_is_free_while_its_signature_is_made);
