/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_libctx.c - everything works in a library context of its own while the process's default one can do
 * nothing.
 *
 * The module lives in a host whose openssl.cnf may route every key back into the module: no call of ours may
 * ever use the default context. Here that one holds the null provider only, so any such call fails.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

#include "include/table.h"
#include "proto/certificate.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/operator_proof.h"
#include "proto/public_key.h"
#include "proto/seal.h"
#include "proto/session_keys.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

#define REALM "example"
#define TEXT  bytes_of_text("text")

static OSSL_LIB_CTX *libctx;
static OSSL_PROVIDER *null_provider;
static const uint8_t challenge[CHALLENGE_LEN] = { 1 }, digest[32] = { 2 };

static EVP_PKEY *ca_key, *client_key, *seal_key;
static X509 *root, *seal_issuer, *client, *seal;
static X509_STORE *trust;

static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, bool is_ca, const char *usage)
{
    return test_certificate(&(struct test_certificate){ .name = name,
                                                        .key = key,
                                                        .issuer = issuer,
                                                        .issuer_key = ca_key,
                                                        .is_ca = is_ca,
                                                        .usage = usage,
                                                        .libctx = libctx });
}

static void set_up(void)
{
    libctx = OSSL_LIB_CTX_new();
    null_provider = OSSL_PROVIDER_load(NULL, "null");
    ck_assert(libctx && null_provider);
    ca_key = test_key_in(libctx, "EC");
    client_key = test_key_in(libctx, "EC");
    seal_key = test_key_in(libctx, "X25519");
    root = issue("root", ca_key, NULL, true, NULL);
    seal_issuer = issue("seal issuer", ca_key, root, true, SEAL_EKU_OID);
    client = issue("client", client_key, root, false, "clientAuth");
    seal = issue("seal", seal_key, seal_issuer, false, SEAL_EKU_OID);
    trust = X509_STORE_new();
    ck_assert_int_eq(X509_STORE_add_cert(trust, root), 1);
}

static void tear_down(void)
{
    X509_STORE_free(trust);
    X509_free(root);
    X509_free(seal_issuer);
    X509_free(client);
    X509_free(seal);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(client_key);
    EVP_PKEY_free(seal_key);
    OSSL_PROVIDER_unload(null_provider);
    OSSL_LIB_CTX_free(libctx);
}

START_TEST(the_default_context_can_do_nothing)
{
    uint8_t hash[HASH_LEN];

    ck_assert_int_lt(digest_sha256(NULL, TEXT, hash), 0);
    ck_assert_int_eq(digest_sha256(libctx, TEXT, hash), 0);
}
END_TEST

/* As it comes from the wire: parsed anew, by bytes. */
static STACK_OF(X509) *parse_chain(X509 *const *certificates, size_t count)
{
    STACK_OF(X509) *chain = NULL;
    unsigned char *encodings[CERTIFICATES_MAX] = { 0 };
    struct bytes ders[CERTIFICATES_MAX];

    for (size_t i = 0; i < count; i++)
        ders[i].len = (size_t)i2d_X509(certificates[i], &encodings[i]);
    for (size_t i = 0; i < count; i++)
        ders[i].data = encodings[i];
    ck_assert_int_eq(certificate_parse_chain(libctx, ders, count, &chain), 0);
    for (size_t i = 0; i < count; i++)
        OPENSSL_free(encodings[i]);
    return chain;
}

START_TEST(a_sealing_chain_is_checked)
{
    CLEANUP(certificate_free_stack)
    STACK_OF(X509) *chain = parse_chain((X509 *const[]){ seal, seal_issuer }, 2);
    uint8_t key[32];
    const char *why = "";

    ck_assert_msg(certificate_seal_key(libctx, chain, trust, key, &why) == 0, "%s", why);
}
END_TEST

START_TEST(a_certificate_file_is_read_and_trusted)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = parse_chain((X509 *const[]){ client }, 1);
    CLEANUP(X509_STORE_free) X509_STORE *from_file = NULL;
    char path[] = "/tmp/test_libctx.XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    const char *why = "";

    ck_assert_int_eq(PEM_write_X509(file, root), 1);
    fclose(file);
    ck_assert_int_eq(certificate_trust_file(libctx, path, &from_file), 0);
    unlink(path);
    ck_assert_msg(certificate_check(libctx, chain, from_file, CERTIFICATE_CLIENT, 0, &why) == 0, "%s", why);
}
END_TEST

START_TEST(a_sealed_call_goes_there_and_back)
{
    const struct method *unlock = method_by_id(METHOD_Unlock);
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(buffer_clear) struct buffer reply = { 0 };
    CLEANUP(secret_free) struct secret *private_key = NULL;
    CLEANUP(secret_free) struct secret *opened = NULL;
    uint8_t public_key[HPKE_KEY_LEN];

    ck_assert_int_eq(hpke_derive_key_pair(libctx, BYTES_OF_ARRAY(digest), &private_key, public_key), 0);
    ck_assert_int_eq(seal_request(libctx, REALM, unlock, BYTES_OF_ARRAY(public_key),
                                  BYTES_OF_ARRAY(challenge), TEXT, &call, &request),
                     0);
    ck_assert_int_eq(seal_reply(libctx, unlock, &call, TEXT, &reply), 0);
    ck_assert_int_eq(seal_open_reply(libctx, unlock, &call, buffer_bytes(&reply), &opened), 0);
}
END_TEST

START_TEST(a_session_message_goes_there_and_back)
{
    const struct method *sign = method_by_id(METHOD_Sign);
    CLEANUP(session_keys_clear) struct session_keys keys = { 0 };
    CLEANUP(buffer_clear) struct buffer reply = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;

    ck_assert_int_eq(session_keys_derive(libctx, REALM, "anna", BYTES_OF_ARRAY(digest),
                                         BYTES_OF_ARRAY(challenge), BYTES(digest, LEASE_LEN),
                                         BYTES_OF_ARRAY(digest), &keys),
                     0);
    ck_assert_int_eq(session_reply(libctx, &keys, sign, 1, TEXT, &reply), 0);
    ck_assert_int_eq(session_open_reply(libctx, &keys, sign, 1, buffer_bytes(&reply), &opened), 0);
}
END_TEST

START_TEST(an_operators_proof_is_made_and_checked)
{
    const struct method *add_user = method_by_id(METHOD_AddUser);
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(client, NULL, NULL);
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    Privyseal__V1__SignedRequest *request;
    uint64_t now = (uint64_t)time(NULL);
    uint8_t hash[HASH_LEN];

    ck_assert_int_eq(operator_proof_make(libctx, REALM, add_user, BYTES_OF_ARRAY(challenge), TEXT, now + 60,
                                         client_key, chain, &message),
                     0);
    request = privyseal__v1__signed_request__unpack(NULL, message.len, message.data);
    ck_assert_int_eq(
        operator_proof_check(libctx, REALM, add_user, BYTES_OF_ARRAY(challenge), request, trust, now, hash),
        0);
    privyseal__v1__signed_request__free_unpacked(request, NULL);
}
END_TEST

static struct public_key *public_of(EVP_PKEY *pkey)
{
    struct public_key *key = NULL;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);

    ck_assert_uint_eq(public_key_of_spki(libctx, BYTES(der, (size_t)len), &key), CKR_OK);
    OPENSSL_free(der);
    return key;
}

START_TEST(ed25519_signatures_are_verified)
{
    EVP_PKEY *pkey = test_key_in(libctx, "ED25519");
    CLEANUP(public_key_free) struct public_key *key = public_of(pkey);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[64];
    size_t len = sizeof(signature);

    ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, NULL, NULL, libctx, NULL, pkey, NULL), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"text", 4), 1);
    ck_assert_uint_eq(public_key_verify(libctx, key, CKM_EDDSA, NULL, TEXT, BYTES_OF_ARRAY(signature)),
                      CKR_OK);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}
END_TEST

START_TEST(ecdsa_signatures_are_looked_at)
{
    CLEANUP(public_key_free) struct public_key *key = public_of(client_key);
    const uint8_t forged[64] = { 1 };

    /* Refused by arithmetic: a context that could not do it would be a general error. */
    ck_assert_uint_eq(
        public_key_verify(libctx, key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(forged)),
        CKR_SIGNATURE_INVALID);
}
END_TEST

START_TEST(pss_signatures_are_verified)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048);
    CLEANUP(public_key_free) struct public_key *key = public_of(pkey);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    Privyseal__V1__PssParameters pss = PRIVYSEAL__V1__PSS_PARAMETERS__INIT;
    uint8_t hash[HASH_LEN], signature[256];
    size_t len = sizeof(signature);

    pss.hash = CKM_SHA256;
    pss.mgf = CKG_MGF1_SHA256;
    pss.salt_len = HASH_LEN;
    ck_assert_int_eq(EVP_DigestSignInit_ex(ctx, &key_ctx, "SHA256", libctx, NULL, pkey, NULL), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, HASH_LEN), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"text", 4), 1);
    ck_assert_int_eq(digest_sha256(libctx, TEXT, hash), 0);
    ck_assert_uint_eq(public_key_verify(libctx, key, CKM_RSA_PKCS_PSS, &pss, BYTES_OF_ARRAY(hash),
                                        BYTES_OF_ARRAY(signature)),
                      CKR_OK);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}
END_TEST

SUITE_WITH_FIXTURE("libctx", set_up, tear_down, the_default_context_can_do_nothing,
                   a_sealing_chain_is_checked, a_certificate_file_is_read_and_trusted,
                   a_sealed_call_goes_there_and_back, a_session_message_goes_there_and_back,
                   an_operators_proof_is_made_and_checked, ed25519_signatures_are_verified,
                   ecdsa_signatures_are_looked_at, pss_signatures_are_verified);
