/* SPDX-License-Identifier: Apache-2.0 */
/* test_operator_proof.c - a signed request is believed for what it says, for five minutes, and no more. */
#include "proto/operator_proof.h"

#include <errno.h>

#include "proto/certificate.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

#define REALM "example"
#define BODY  bytes_of_text("a serialized AddUserRequest")
#define NOW   ((uint64_t)time(NULL))

static const uint8_t challenge[CHALLENGE_LEN] = { 6 };
static const struct method *add_user;
static EVP_PKEY *ca_key, *key;
static X509 *root, *leaf;
static X509_STORE *trust;
static Privyseal__V1__SignedRequest *request;

static Privyseal__V1__SignedRequest *sign(EVP_PKEY *signing_key, X509 *certificate, uint64_t expires_unix)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(certificate, NULL, NULL);
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    Privyseal__V1__SignedRequest *signed_request;

    ck_assert_int_eq(operator_proof_make(NULL, REALM, add_user, BYTES_OF_ARRAY(challenge), BODY, expires_unix,
                                         signing_key, chain, &message),
                     0);
    signed_request = privyseal__v1__signed_request__unpack(NULL, message.len, message.data);
    ck_assert_ptr_nonnull(signed_request);
    return signed_request;
}

static X509 *certify(EVP_PKEY *leaf_key, const char *usage)
{
    return test_certificate(&(struct test_certificate){
        .name = "olga", .key = leaf_key, .issuer = root, .issuer_key = ca_key, .usage = usage });
}

static void sign_one(void)
{
    add_user = method_by_id(METHOD_AddUser);
    ca_key = test_key("EC");
    key = test_key("EC");
    root = test_certificate(&(struct test_certificate){ .name = "root", .key = ca_key, .is_ca = true });
    leaf = certify(key, "clientAuth");
    trust = X509_STORE_new();
    ck_assert_int_eq(X509_STORE_add_cert(trust, root), 1);
    request = sign(key, leaf, NOW + 60);
}

static void free_one(void)
{
    privyseal__v1__signed_request__free_unpacked(request, NULL);
    X509_STORE_free(trust);
    X509_free(leaf);
    X509_free(root);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

static int check_as(const char *realm, const struct method *method, struct bytes with_challenge,
                    const Privyseal__V1__SignedRequest *what, uint8_t hash[HASH_LEN])
{
    return operator_proof_check(NULL, realm, method, with_challenge, what, trust, NOW, hash);
}

static int check(const Privyseal__V1__SignedRequest *what)
{
    uint8_t hash[HASH_LEN];

    return check_as(REALM, add_user, BYTES_OF_ARRAY(challenge), what, hash);
}

START_TEST(a_signed_request_names_its_principal)
{
    uint8_t hash[HASH_LEN], expected[HASH_LEN];

    ck_assert_int_eq(check_as(REALM, add_user, BYTES_OF_ARRAY(challenge), request, hash), 0);
    ck_assert_int_eq(certificate_hash(NULL, leaf, expected), 0);
    ck_assert_mem_eq(hash, expected, HASH_LEN);
}
END_TEST

START_TEST(keys_of_each_type_sign)
{
    static const char *const types[] = { "EC", "ED25519", "RSA" };

    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *other = i < 2 ? test_key(types[i]) : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        CLEANUP(X509_free) X509 *certificate = certify(other, "clientAuth");
        Privyseal__V1__SignedRequest *signed_request = sign(other, certificate, NOW + 60);

        ck_assert_msg(check(signed_request) == 0, "%s", types[i]);
        signed_request->signature.data[signed_request->signature.len - 1] ^= 1;
        ck_assert_msg(check(signed_request) == -EACCES, "%s", types[i]);
        privyseal__v1__signed_request__free_unpacked(signed_request, NULL);
        EVP_PKEY_free(other);
    }
}
END_TEST

START_TEST(another_realm_method_challenge_or_body_was_not_signed)
{
    uint8_t hash[HASH_LEN], other[CHALLENGE_LEN] = { 7 };

    ck_assert_int_eq(check_as("another", add_user, BYTES_OF_ARRAY(challenge), request, hash), -EACCES);
    ck_assert_int_eq(
        check_as(REALM, method_by_id(METHOD_UnlockPin), BYTES_OF_ARRAY(challenge), request, hash), -EACCES);
    ck_assert_int_eq(check_as(REALM, add_user, BYTES_OF_ARRAY(other), request, hash), -EACCES);
    request->body.data[0] ^= 1;
    ck_assert_int_eq(check(request), -EACCES);
}
END_TEST

START_TEST(an_expiry_that_was_not_signed_is_noticed)
{
    request->expires_unix++;
    ck_assert_int_eq(check(request), -EACCES);
}
END_TEST

START_TEST(a_request_lives_five_minutes_at_most)
{
    const uint64_t times[] = { 0, NOW, NOW + OPERATOR_PROOF_LIFE_S + 60, UINT64_MAX };

    for (size_t i = 0; i < 4; i++) {
        Privyseal__V1__SignedRequest *signed_request = sign(key, leaf, times[i]);

        ck_assert_int_eq(check(signed_request), -EACCES);
        privyseal__v1__signed_request__free_unpacked(signed_request, NULL);
    }
}
END_TEST

START_TEST(somebody_elses_certificate_does_not_help)
{
    EVP_PKEY *other = test_key("EC");
    Privyseal__V1__SignedRequest *signed_request = sign(other, leaf, NOW + 60);

    ck_assert_int_eq(check(signed_request), -EACCES);
    privyseal__v1__signed_request__free_unpacked(signed_request, NULL);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(a_certificate_for_another_use_does_not_sign)
{
    CLEANUP(X509_free) X509 *server = certify(key, "serverAuth");
    Privyseal__V1__SignedRequest *signed_request = sign(key, server, NOW + 60);

    ck_assert_int_eq(check(signed_request), -EACCES);
    privyseal__v1__signed_request__free_unpacked(signed_request, NULL);
}
END_TEST

START_TEST(a_self_made_certificate_does_not_sign)
{
    CLEANUP(X509_free)
    X509 *own =
        test_certificate(&(struct test_certificate){ .name = "olga", .key = key, .usage = "clientAuth" });
    Privyseal__V1__SignedRequest *signed_request = sign(key, own, NOW + 60);

    ck_assert_int_eq(check(signed_request), -EACCES);
    privyseal__v1__signed_request__free_unpacked(signed_request, NULL);
}
END_TEST

START_TEST(a_request_without_chain_or_signature_is_malformed)
{
    size_t certificates = request->n_certificates, signature_len = request->signature.len;

    request->n_certificates = 0;
    ck_assert_int_eq(check(request), -EINVAL);
    request->n_certificates = certificates;
    request->signature.len = 0;
    ck_assert_int_eq(check(request), -EINVAL);
    request->signature.len = signature_len;
    request->certificates[0].len--;
    ck_assert_int_eq(check(request), -EINVAL);
}
END_TEST

START_TEST(a_chain_too_long_or_empty_is_not_sent)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(buffer_clear) struct buffer message = { 0 };

    ck_assert_int_eq(operator_proof_make(NULL, REALM, add_user, BYTES_OF_ARRAY(challenge), BODY, NOW, key,
                                         chain, &message),
                     -EINVAL);
    for (int i = 0; i <= CERTIFICATES_MAX; i++) {
        X509_up_ref(leaf);
        sk_X509_push(chain, leaf);
    }
    ck_assert_int_eq(operator_proof_make(NULL, REALM, add_user, BYTES_OF_ARRAY(challenge), BODY, NOW, key,
                                         chain, &message),
                     -EINVAL);
    ck_assert_uint_eq(message.len, 0);
}
END_TEST

SUITE_WITH_FIXTURE("operator_proof", sign_one, free_one, a_signed_request_names_its_principal,
                   keys_of_each_type_sign, another_realm_method_challenge_or_body_was_not_signed,
                   an_expiry_that_was_not_signed_is_noticed, a_request_lives_five_minutes_at_most,
                   somebody_elses_certificate_does_not_help, a_certificate_for_another_use_does_not_sign,
                   a_self_made_certificate_does_not_sign, a_request_without_chain_or_signature_is_malformed,
                   a_chain_too_long_or_empty_is_not_sent);
