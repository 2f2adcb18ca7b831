/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_sign.c - the signature operation: what may follow what, lengths, keys, mechanisms and parameters.
 *
 * Source: PKCS#11 v3.1 5.2 (Conventions for functions returning output in a variable-length buffer),
 *         5.13.1 (C_SignInit), 5.13.2 (C_Sign), 5.13.3 (C_SignUpdate), 5.13.4 (C_SignFinal), 5.15 (verifying).
 */
#include <string.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"
#include "conformance/checks/message.h"

static void begin(struct check *check)
{
    CK_RV rv = sign_init(check, check->session, check->mechanism, check->key.handle);

    if (!expect_rv(check, "C_SignInit", rv, (const CK_RV[]){ CKR_OK }, 1))
        check_end(check);
}

static void finish(struct check *check, struct message *message)
{
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    REQUIRE(check, C_Sign(check->session, message->data, message->len, signature, &len));
    expect_signature(check, message, signature, len);
}

/* ---- what may follow what ---- */

static void nothing_begun(struct check *check)
{
    CK_BYTE data[32] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    EXPECT(check, C_Sign(check->session, data, sizeof(data), signature, &len), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_SignUpdate(check->session, data, sizeof(data)), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_SignFinal(check->session, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_Sign(check->session, data, sizeof(data), NULL, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void begun_twice(struct check *check)
{
    struct message message;

    message_init(check, &message);
    begin(check);
    expect_rv(check, "a second C_SignInit",
              sign_init(check, check->session, check->mechanism, check->key.handle),
              (const CK_RV[]){ CKR_OPERATION_ACTIVE }, 1);
    finish(check, &message);
}

static void over_after_one_shot(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    message_init(check, &message);
    begin(check);
    finish(check, &message);
    EXPECT(check, C_SignUpdate(check->session, message.data, message.len), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_SignFinal(check->session, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_Sign(check->session, message.data, message.len, signature, &len),
           CKR_OPERATION_NOT_INITIALIZED);
}

/* "C_Sign cannot be used to terminate a multi-part operation" and ends it. v3.1 5.13.2 (C_Sign). */
static void one_shot_after_parts(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    needs_parts(check);
    message_init(check, &message);
    begin(check);
    REQUIRE(check, C_SignUpdate(check->session, message.data, message.len));
    EXPECT(check, C_Sign(check->session, message.data, message.len, signature, &len),
           CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE, CKR_FUNCTION_FAILED);
}

static void session_closed(struct check *check)
{
    CK_BYTE data[32] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_SESSION_HANDLE session = check->session;

    check_open(check);
    begin(check);
    REQUIRE(check, C_CloseSession(session));
    EXPECT(check, C_Sign(session, data, sizeof(data), signature, &len), CKR_SESSION_HANDLE_INVALID);
}

static void two_sessions(struct check *check)
{
    CK_SESSION_HANDLE first = check->session, second = check_open(check);
    struct message one, other;

    message_init(check, &one);
    other = one;
    other.data[other.len - 1] ^= 1;
    begin(check);
    check->session = second;
    begin(check);
    check->session = first;
    finish(check, &one);
    check->session = second;
    finish(check, &other);
}

static void in_parts(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    needs_parts(check);
    message_init(check, &message);
    begin(check);
    EXPECT(check, C_SignUpdate(check->session, message.data, 1), CKR_OK);
    EXPECT(check, C_SignUpdate(check->session, message.data, 0), CKR_OK);
    EXPECT(check, C_SignUpdate(check->session, message.data + 1, message.len - 1), CKR_OK);
    REQUIRE(check, C_SignFinal(check->session, signature, &len));
    expect_signature(check, &message, signature, len);
    EXPECT(check, C_SignFinal(check->session, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
}

/* ---- lengths ---- */

static void length_then_signature(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = 0, again = 0;

    message_init(check, &message);
    begin(check);
    EXPECT(check, C_Sign(check->session, message.data, message.len, NULL, &len), CKR_OK);
    expect_true(check, len == check->key.signature_len, "the length is said to be %lu, wanted %lu", len,
                check->key.signature_len);
    EXPECT(check, C_Sign(check->session, message.data, message.len, NULL, &again), CKR_OK);
    len = check->key.signature_len - 1;
    EXPECT(check, C_Sign(check->session, message.data, message.len, signature, &len), CKR_BUFFER_TOO_SMALL);
    expect_true(check, len == check->key.signature_len, "too small a buffer: %lu bytes needed, wanted %lu",
                len, check->key.signature_len);
    len = 0;
    EXPECT(check, C_Sign(check->session, message.data, message.len, signature, &len), CKR_BUFFER_TOO_SMALL);
    len = check->key.signature_len;
    REQUIRE(check, C_Sign(check->session, message.data, message.len, signature, &len));
    expect_true(check, len == check->key.signature_len, "the signature has %lu bytes", len);
    expect_signature(check, &message, signature, len);
}

static void length_then_final(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = 0;

    needs_parts(check);
    message_init(check, &message);
    begin(check);
    REQUIRE(check, C_SignUpdate(check->session, message.data, message.len));
    EXPECT(check, C_SignFinal(check->session, NULL, &len), CKR_OK);
    expect_true(check, len == check->key.signature_len, "the length is said to be %lu, wanted %lu", len,
                check->key.signature_len);
    len = 1;
    EXPECT(check, C_SignFinal(check->session, signature, &len), CKR_BUFFER_TOO_SMALL);
    len = sizeof(signature);
    REQUIRE(check, C_SignFinal(check->session, signature, &len));
    expect_signature(check, &message, signature, len);
}

/* ---- keys and mechanisms ---- */

static void init_with(struct check *check, const struct mechanism *mechanism, CK_OBJECT_HANDLE key,
                      const CK_RV *wanted, size_t count, const char *what)
{
    CK_RV rv = sign_init(check, check->session, mechanism, key);

    expect_rv(check, what, rv, wanted, count);
    if (rv == CKR_OK)
        check_end(check);
}

static void no_such_key(struct check *check)
{
    static const CK_RV wanted[] = { CKR_KEY_HANDLE_INVALID };

    init_with(check, check->mechanism, CK_INVALID_HANDLE, wanted, 1, "C_SignInit with handle 0");
    init_with(check, check->mechanism, 0x7ffffff1UL, wanted, 1, "C_SignInit with a handle of nothing");
    begin(check);
}

static void other_objects(struct check *check)
{
    static const CK_RV wanted[] = { CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED,
                                    CKR_KEY_HANDLE_INVALID };
    static const CK_OBJECT_CLASS classes[] = { CKO_PUBLIC_KEY, CKO_CERTIFICATE };

    for (size_t i = 0; i < COUNT(classes); i++) {
        CK_OBJECT_HANDLE object = object_find(check, classes[i], check->key.id, check->key.id_len);

        if (object != CK_INVALID_HANDLE)
            init_with(check, check->mechanism, object, wanted, COUNT(wanted),
                      classes[i] == CKO_PUBLIC_KEY ? "C_SignInit with a public key"
                                                   : "C_SignInit with a certificate");
    }
}

static void unknown_mechanism(struct check *check)
{
    CK_MECHANISM mechanism = { 0x7ffffff1UL, NULL, 0 };

    EXPECT(check, C_SignInit(check->session, &mechanism, check->key.handle), CKR_MECHANISM_INVALID);
}

static void unlisted_mechanism(struct check *check)
{
    static const CK_RV wanted[] = { CKR_MECHANISM_INVALID };

    for (size_t i = 0; i < mechanism_count; i++)
        if (mechanisms[i].key_type == check->key.type && !mechanism_signs(check, mechanisms[i].type))
            init_with(check, &mechanisms[i], check->key.handle, wanted, 1, mechanisms[i].name);
}

static void mechanism_of_another_key(struct check *check)
{
    static const CK_RV wanted[] = { CKR_KEY_TYPE_INCONSISTENT };
    unsigned tried = 0;

    for (size_t i = 0; i < mechanism_count; i++)
        if (mechanisms[i].key_type != check->key.type && mechanism_signs(check, mechanisms[i].type)) {
            init_with(check, &mechanisms[i], check->key.handle, wanted, 1, mechanisms[i].name);
            tried++;
        }
    if (!tried)
        check_skip(check, "the token has mechanisms for one type of key only");
}

/* ---- parameters ---- */

static const struct mechanism *listed(struct check *check, CK_MECHANISM_TYPE type)
{
    if (!mechanism_signs(check, type))
        check_skip(check, "the token does not sign with mechanism 0x%lx", type);
    return mechanism_find(type);
}

static void parameter_where_none(struct check *check)
{
    CK_OBJECT_HANDLE key = key_of_type(check, CKK_RSA).handle;
    CK_BYTE garbage[7] = { 1, 2, 3, 4, 5, 6, 7 };
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, garbage, sizeof(garbage) };

    listed(check, CKM_RSA_PKCS);
    EXPECT(check, C_SignInit(check->session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID,
           CKR_ARGUMENTS_BAD);
}

static void expect_bad_pss(struct check *check, struct mechanism_use *use, CK_OBJECT_HANDLE key,
                           const char *what)
{
    CK_RV rv;

    expect_begin(check, what);
    rv = check->p11->C_SignInit(check->session, &use->ck, key);
    expect_rv(check, what, rv, (const CK_RV[]){ CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD }, 2);
    if (rv == CKR_OK) {
        /* So that the next parameter meets no operation under way. */
        check->session = check_open(check);
    }
}

static void pss_parameters(struct check *check)
{
    const struct mechanism *mechanism = listed(check, CKM_SHA256_RSA_PKCS_PSS);
    CK_OBJECT_HANDLE key = key_of_type(check, CKK_RSA).handle;
    struct mechanism_use use;

    mechanism_use_init(&use, mechanism, 32);
    use.ck.pParameter = NULL;
    expect_bad_pss(check, &use, key, "C_SignInit for PSS with a NULL parameter");
    mechanism_use_init(&use, mechanism, 32);
    use.ck.pParameter = NULL;
    use.ck.ulParameterLen = 0;
    expect_bad_pss(check, &use, key, "C_SignInit for PSS without a parameter");
    mechanism_use_init(&use, mechanism, 32);
    use.ck.ulParameterLen--;
    expect_bad_pss(check, &use, key, "C_SignInit for PSS with a parameter too short");
    mechanism_use_init(&use, mechanism, 32);
    use.pss.hashAlg = CKM_SHA512;
    expect_bad_pss(check, &use, key, "C_SignInit for SHA-256 PSS that names SHA-512");
    mechanism_use_init(&use, mechanism, 32);
    use.pss.mgf = 0x7777;
    expect_bad_pss(check, &use, key, "C_SignInit for PSS with an unknown mask function");
    mechanism_use_init(&use, mechanism, 1UL << 40);
    expect_bad_pss(check, &use, key, "C_SignInit for PSS with a salt longer than any key");
}

/* ---- data ---- */

static void data_too_long(struct check *check)
{
    CK_OBJECT_HANDLE key = key_of_type(check, CKK_RSA).handle;
    CK_BYTE data[4096] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_RV rv;

    rv = sign_init(check, check->session, listed(check, CKM_RSA_PKCS), key);
    expect_rv(check, "C_SignInit", rv, (const CK_RV[]){ CKR_OK }, 1);
    EXPECT(check, C_Sign(check->session, data, sizeof(data), signature, &len), CKR_DATA_LEN_RANGE);
    EXPECT(check, C_Sign(check->session, data, 32, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
}

/* A refused signature must not leave the session unusable: OpenSSH and PyKCS11 go on with it. */
static void usable_after_refusal(struct check *check)
{
    CK_BYTE data[4096] = { 0 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    struct message message;

    if (sign_init(check, check->session, listed(check, CKM_RSA_PKCS), key_of_type(check, CKK_RSA).handle) !=
        CKR_OK)
        check_skip(check, "no signature could be begun");
    expect_true(check, check->p11->C_Sign(check->session, data, sizeof(data), signature, &len) != CKR_OK,
                "4096 bytes of data were signed");
    message_init(check, &message);
    begin(check);
    finish(check, &message);
}

static void nothing_to_sign(struct check *check)
{
    struct message message;

    needs_parts(check);
    message_init(check, &message);
    message.len = 0;
    begin(check);
    finish(check, &message);
}

/* ---- what else a session can do with a signature ---- */

static void verified_by_module(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE public = object_find(check, CKO_PUBLIC_KEY, check->key.id, check->key.id_len);
    struct mechanism_use use;
    CK_MECHANISM_INFO info;

    REQUIRE(check, C_GetMechanismInfo(check->slot, check->mechanism->type, &info));
    if (!(info.flags & CKF_VERIFY) || public == CK_INVALID_HANDLE)
        check_skip(check, "the token does not verify, or shows no public key");
    message_init(check, &message);
    begin(check);
    REQUIRE(check, C_Sign(check->session, message.data, message.len, signature, &len));
    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    REQUIRE(check, C_VerifyInit(check->session, &use.ck, public));
    EXPECT(check, C_Verify(check->session, message.data, message.len, signature, len), CKR_OK);
    signature[len / 2] ^= 1;
    REQUIRE(check, C_VerifyInit(check->session, &use.ck, public));
    EXPECT(check, C_Verify(check->session, message.data, message.len, signature, len), CKR_SIGNATURE_INVALID);
    REQUIRE(check, C_VerifyInit(check->session, &use.ck, public));
    EXPECT(check, C_Verify(check->session, message.data, message.len, signature, len - 1),
           CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID);
    EXPECT(check, C_Verify(check->session, message.data, message.len, signature, len),
           CKR_OPERATION_NOT_INITIALIZED);
}

static void verified_in_parts(struct check *check)
{
    struct message message;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE public = object_find(check, CKO_PUBLIC_KEY, check->key.id, check->key.id_len);
    struct mechanism_use use;
    CK_MECHANISM_INFO info;

    needs_parts(check);
    REQUIRE(check, C_GetMechanismInfo(check->slot, check->mechanism->type, &info));
    if (!(info.flags & CKF_VERIFY) || public == CK_INVALID_HANDLE)
        check_skip(check, "the token does not verify, or shows no public key");
    message_init(check, &message);
    begin(check);
    REQUIRE(check, C_Sign(check->session, message.data, message.len, signature, &len));
    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    REQUIRE(check, C_VerifyInit(check->session, &use.ck, public));
    REQUIRE(check, C_VerifyUpdate(check->session, message.data, 10));
    REQUIRE(check, C_VerifyUpdate(check->session, message.data + 10, message.len - 10));
    EXPECT(check, C_VerifyFinal(check->session, signature, len), CKR_OK);
    REQUIRE(check, C_VerifyInit(check->session, &use.ck, public));
    REQUIRE(check, C_VerifyUpdate(check->session, message.data, 10));
    EXPECT(check, C_VerifyFinal(check->session, signature, len), CKR_SIGNATURE_INVALID);
}

static void digests(struct check *check)
{
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[200] = { 7 }, got[64], wanted[EVP_MAX_MD_SIZE];
    CK_ULONG len = 0;
    CK_MECHANISM_INFO info;
    size_t wanted_len;

    if (check->p11->C_GetMechanismInfo(check->slot, CKM_SHA256, &info) != CKR_OK ||
        !(info.flags & CKF_DIGEST))
        check_skip(check, "the token does not list CKM_SHA256");
    EVP_Q_digest(NULL, "SHA256", NULL, data, sizeof(data), wanted, &wanted_len);
    REQUIRE(check, C_DigestInit(check->session, &mechanism));
    EXPECT(check, C_Digest(check->session, data, sizeof(data), NULL, &len), CKR_OK);
    expect_true(check, len == wanted_len, "a digest of %lu bytes", len);
    len = sizeof(got);
    EXPECT(check, C_Digest(check->session, data, sizeof(data), got, &len), CKR_OK);
    expect_true(check, len == wanted_len && !memcmp(got, wanted, len), "the digest differs from OpenSSL's");
    REQUIRE(check, C_DigestInit(check->session, &mechanism));
    REQUIRE(check, C_DigestUpdate(check->session, data, 3));
    REQUIRE(check, C_DigestUpdate(check->session, data + 3, sizeof(data) - 3));
    len = sizeof(got);
    EXPECT(check, C_DigestFinal(check->session, got, &len), CKR_OK);
    expect_true(check, len == wanted_len && !memcmp(got, wanted, len),
                "the digest in parts differs from OpenSSL's");
    EXPECT(check, C_DigestFinal(check->session, got, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void random_bytes(struct check *check)
{
    CK_BYTE first[32] = { 0 }, second[32] = { 0 };
    CK_RV rv = check->p11->C_GenerateRandom(check->session, first, sizeof(first));

    expect_rv(check, "C_GenerateRandom", rv,
              (const CK_RV[]){ CKR_OK, CKR_RANDOM_NO_RNG, CKR_FUNCTION_NOT_SUPPORTED }, 3);
    expect_true(check, rv == CKR_OK || !(check->token.flags & CKF_RNG), "the token promised CKF_RNG");
    if (rv != CKR_OK)
        return;
    EXPECT(check, C_GenerateRandom(check->session, second, sizeof(second)), CKR_OK);
    expect_true(check, memcmp(first, second, sizeof(first)) != 0, "the same bytes twice");
    EXPECT(check, C_GenerateRandom(check->session, first, 0), CKR_OK);
    EXPECT(check, C_SeedRandom(check->session, first, sizeof(first)), CKR_OK, CKR_RANDOM_SEED_NOT_SUPPORTED,
           CKR_RANDOM_NO_RNG);
}

static void operation_state(struct check *check)
{
    CK_BYTE state[4096];
    CK_ULONG len = sizeof(state);

    EXPECT(check, C_GetOperationState(check->session, state, &len), CKR_OPERATION_NOT_INITIALIZED,
           CKR_FUNCTION_NOT_SUPPORTED, CKR_STATE_UNSAVEABLE);
    EXPECT(check, C_SetOperationState(check->session, state, 16, 0, 0), CKR_SAVED_STATE_INVALID,
           CKR_FUNCTION_NOT_SUPPORTED);
}

const struct check_case cases_sign[] = {
    { "signing that was not begun is refused", KEY, nothing_begun },
    { "beginning a second signature is refused, the first goes on", KEY, begun_twice },
    { "after a signature its operation is over", KEY, over_after_one_shot },
    { "C_Sign after C_SignUpdate is refused", KEY, one_shot_after_parts },
    { "signing in a closed session is refused", KEY, session_closed },
    { "signatures in two sessions do not disturb each other", KEY, two_sessions },
    { "a message in parts, one empty, is signed", KEY, in_parts },
    { "C_Sign tells the length, refuses less room, and then signs", KEY, length_then_signature },
    { "C_SignFinal tells the length, refuses less room, and then signs", KEY, length_then_final },
    { "a key that does not exist is refused", KEY, no_such_key },
    { "a public key or a certificate does not sign", KEY, other_objects },
    { "a mechanism that does not exist is refused", KEY, unknown_mechanism },
    { "a mechanism that the token does not list is refused", KEY, unlisted_mechanism },
    { "a mechanism for another type of key is refused", KEY, mechanism_of_another_key },
    { "a parameter for a mechanism that has none is refused", KEY, parameter_where_none },
    { "wrong parameters of PSS are refused", KEY, pss_parameters },
    { "data longer than the key is refused, which ends the operation", KEY, data_too_long },
    { "after a refused signature the session signs", KEY, usable_after_refusal },
    { "an empty message is signed", KEY, nothing_to_sign },
    { "the token verifies its signature and refuses a changed one", KEY, verified_by_module },
    { "the token verifies a message in parts", KEY, verified_in_parts },
    { "the token makes digests as OpenSSL does", SESSION, digests },
    { "random bytes differ from call to call", SESSION, random_bytes },
    { "a saved state of no operation is refused", SESSION, operation_state },
    { 0 },
};
