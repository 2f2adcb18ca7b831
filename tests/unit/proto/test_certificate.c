/* SPDX-License-Identifier: Apache-2.0 */
/* test_certificate.c - which chains are believed for what, and everything that may be wrong with one. */
#include "proto/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

/* root -> tls issuer -> client, server; root -> seal issuer -> seal. */
static EVP_PKEY *ca_key, *leaf_key, *seal_key;
static X509 *root, *tls_issuer, *seal_issuer, *client, *server, *seal;
static X509_STORE *trust;

static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, bool is_ca, const char *usage)
{
    return test_certificate(&(struct test_certificate){
        .name = name, .key = key, .issuer = issuer, .issuer_key = ca_key, .is_ca = is_ca, .usage = usage });
}

static void make_authority(void)
{
    ca_key = test_key("EC");
    leaf_key = test_key("EC");
    seal_key = test_key("X25519");
    root = issue("root", ca_key, NULL, true, NULL);
    tls_issuer = issue("tls", ca_key, root, true, "clientAuth,serverAuth");
    seal_issuer = issue("seal issuer", ca_key, root, true, SEAL_EKU_OID);
    client = issue("client", leaf_key, tls_issuer, false, "clientAuth");
    server = issue("server", leaf_key, tls_issuer, false, "serverAuth");
    seal = issue("seal", seal_key, seal_issuer, false, SEAL_EKU_OID);
    trust = X509_STORE_new();
    ck_assert_int_eq(X509_STORE_add_cert(trust, root), 1);
}

static void free_authority(void)
{
    X509 *const certificates[] = { root, tls_issuer, seal_issuer, client, server, seal };
    EVP_PKEY *const keys[] = { ca_key, leaf_key, seal_key };

    for (size_t i = 0; i < ARRAY_SIZE(certificates); i++)
        X509_free(certificates[i]);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        EVP_PKEY_free(keys[i]);
    X509_STORE_free(trust);
}

static int check_at(X509 *leaf, X509 *issuer, enum certificate_use use, uint64_t now_unix)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(leaf, issuer, NULL);
    const char *why = NULL;
    int r = certificate_check(NULL, chain, trust, use, now_unix, &why);

    ck_assert(r == 0 || (why && *why));
    return r;
}

static int check(X509 *leaf, X509 *issuer, enum certificate_use use)
{
    return check_at(leaf, issuer, use, 0);
}

START_TEST(a_certificate_is_good_for_its_own_use_alone)
{
    ck_assert_int_eq(check(client, tls_issuer, CERTIFICATE_CLIENT), 0);
    ck_assert_int_eq(check(client, tls_issuer, CERTIFICATE_SERVER), -EACCES);
    ck_assert_int_eq(check(client, tls_issuer, CERTIFICATE_SEAL), -EACCES);
    ck_assert_int_eq(check(server, tls_issuer, CERTIFICATE_SERVER), 0);
    ck_assert_int_eq(check(server, tls_issuer, CERTIFICATE_CLIENT), -EACCES);
    ck_assert_int_eq(check(seal, seal_issuer, CERTIFICATE_SEAL), 0);
    ck_assert_int_eq(check(seal, seal_issuer, CERTIFICATE_CLIENT), -EACCES);
}
END_TEST

/* The attack that a usage of its own is for: whoever runs the TLS issuer names a sealing key of his. */
START_TEST(another_issuer_cannot_make_a_sealing_certificate)
{
    CLEANUP(X509_free) X509 *forged = issue("seal", seal_key, tls_issuer, false, SEAL_EKU_OID);
    CLEANUP(X509_free) X509 *unlimited = issue("unlimited", ca_key, root, true, NULL);
    CLEANUP(X509_free) X509 *by_unlimited = issue("seal", seal_key, unlimited, false, SEAL_EKU_OID);

    ck_assert_int_eq(check(forged, tls_issuer, CERTIFICATE_SEAL), -EACCES);
    ck_assert_int_eq(check(by_unlimited, unlimited, CERTIFICATE_SEAL), -EACCES);
}
END_TEST

START_TEST(any_usage_and_longer_numbers_are_not_the_sealing_usage)
{
    CLEANUP(X509_free) X509 *any = issue("seal", seal_key, seal_issuer, false, "anyExtendedKeyUsage");
    CLEANUP(X509_free) X509 *longer = issue("seal", seal_key, seal_issuer, false, SEAL_EKU_OID "1");
    CLEANUP(X509_free) X509 *below = issue("seal", seal_key, seal_issuer, false, SEAL_EKU_OID ".1");
    CLEANUP(X509_free) X509 *none = issue("seal", seal_key, seal_issuer, false, NULL);

    ck_assert_int_eq(check(any, seal_issuer, CERTIFICATE_SEAL), -EACCES);
    ck_assert_int_eq(check(longer, seal_issuer, CERTIFICATE_SEAL), -EACCES);
    ck_assert_int_eq(check(below, seal_issuer, CERTIFICATE_SEAL), -EACCES);
    ck_assert_int_eq(check(none, seal_issuer, CERTIFICATE_SEAL), -EACCES);
}
END_TEST

START_TEST(one_usage_among_several_is_enough)
{
    CLEANUP(X509_free)
    X509 *several = issue("seal", seal_key, seal_issuer, false, "codeSigning," SEAL_EKU_OID);

    ck_assert_int_eq(check(several, seal_issuer, CERTIFICATE_SEAL), 0);
}
END_TEST

START_TEST(a_leaf_cannot_issue)
{
    CLEANUP(X509_free)
    X509 *forged = test_certificate(&(struct test_certificate){
        .name = "forged", .key = leaf_key, .issuer = client, .issuer_key = leaf_key, .usage = "clientAuth" });
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(forged, client, tls_issuer);
    const char *why;

    ck_assert_int_eq(certificate_check(NULL, chain, trust, CERTIFICATE_CLIENT, 0, &why), -EACCES);
}
END_TEST

START_TEST(a_foreign_root_is_not_believed)
{
    EVP_PKEY *key = test_key("EC");
    CLEANUP(X509_free)
    X509 *foreign = test_certificate(&(struct test_certificate){ .name = "root", .key = key, .is_ca = true });
    CLEANUP(X509_free)
    X509 *leaf = test_certificate(&(struct test_certificate){
        .name = "client", .key = key, .issuer = foreign, .issuer_key = key, .usage = "clientAuth" });

    ck_assert_int_eq(check(leaf, foreign, CERTIFICATE_CLIENT), -EACCES);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_missing_issuer_breaks_the_chain)
{
    ck_assert_int_eq(check(client, NULL, CERTIFICATE_CLIENT), -EACCES);
    ck_assert_int_eq(check(client, seal_issuer, CERTIFICATE_CLIENT), -EACCES);
}
END_TEST

START_TEST(an_empty_chain_is_refused)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
    const char *why;

    ck_assert_int_eq(certificate_check(NULL, chain, trust, CERTIFICATE_CLIENT, 0, &why), -EACCES);
}
END_TEST

START_TEST(time_is_the_callers)
{
    uint64_t now = (uint64_t)time(NULL);

    ck_assert_int_eq(check_at(client, tls_issuer, CERTIFICATE_CLIENT, now), 0);
    ck_assert_int_eq(check_at(client, tls_issuer, CERTIFICATE_CLIENT, now + 2 * TEST_DAY), -EACCES);
    ck_assert_int_eq(check_at(client, tls_issuer, CERTIFICATE_CLIENT, now - 2 * TEST_DAY), -EACCES);
}
END_TEST

START_TEST(the_reason_is_in_words)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(client, tls_issuer, NULL);
    const char *why = NULL;
    uint64_t later = (uint64_t)time(NULL) + 2 * TEST_DAY;

    ck_assert_int_eq(certificate_check(NULL, chain, trust, CERTIFICATE_CLIENT, later, &why), -EACCES);
    ck_assert_str_eq(why, "certificate has expired");
    ck_assert_int_eq(certificate_check(NULL, chain, trust, CERTIFICATE_SEAL, 0, &why), -EACCES);
    ck_assert_str_eq(why, "the certificate is not for this use");
}
END_TEST

START_TEST(a_sealing_chain_gives_its_key)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(seal, seal_issuer, NULL);
    uint8_t key[32], expected[32];
    size_t len = sizeof(expected);
    const char *why;

    ck_assert_int_eq(certificate_seal_key(NULL, chain, trust, key, &why), 0);
    ck_assert_int_eq(EVP_PKEY_get_raw_public_key(seal_key, expected, &len), 1);
    ck_assert_mem_eq(key, expected, sizeof(key));
}
END_TEST

START_TEST(a_sealing_certificate_with_another_kind_of_key_gives_none)
{
    CLEANUP(X509_free) X509 *wrong = issue("seal", leaf_key, seal_issuer, false, SEAL_EKU_OID);
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = test_chain(wrong, seal_issuer, NULL);
    uint8_t key[32];
    const char *why;

    ck_assert_int_eq(certificate_seal_key(NULL, chain, trust, key, &why), -EBADMSG);
}
END_TEST

/* ---------------------------------------------------------------------------------------- bytes and files */

static struct bytes der_of(X509 *certificate, uint8_t memory[CERTIFICATE_MAX])
{
    unsigned char *end = memory;
    int len = i2d_X509(certificate, &end);

    ck_assert_int_gt(len, 0);
    return BYTES(memory, (size_t)len);
}

START_TEST(der_comes_back_as_the_same_certificate)
{
    CLEANUP(X509_free) X509 *parsed = NULL;
    uint8_t memory[CERTIFICATE_MAX], a[HASH_LEN], b[HASH_LEN];

    ck_assert_int_eq(certificate_parse(NULL, der_of(client, memory), &parsed), 0);
    ck_assert_int_eq(certificate_hash(NULL, parsed, a), 0);
    ck_assert_int_eq(certificate_hash(NULL, client, b), 0);
    ck_assert_mem_eq(a, b, HASH_LEN);
}
END_TEST

START_TEST(cut_extended_and_oversized_der_is_refused)
{
    uint8_t memory[CERTIFICATE_MAX + 1] = { 0 };
    struct bytes der = der_of(client, memory);
    X509 *parsed = NULL;

    for (size_t len = 0; len < der.len; len += 7)
        ck_assert_int_eq(certificate_parse(NULL, BYTES(memory, len), &parsed), -EBADMSG);
    ck_assert_int_eq(certificate_parse(NULL, BYTES(memory, der.len + 1), &parsed), -EBADMSG);
    ck_assert_int_eq(certificate_parse(NULL, BYTES_OF_ARRAY(memory), &parsed), -EBADMSG);
    ck_assert_ptr_null(parsed);
}
END_TEST

START_TEST(a_chain_on_the_wire_has_one_to_five_certificates)
{
    uint8_t memory[CERTIFICATE_MAX];
    struct bytes ders[CERTIFICATES_MAX + 1];
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(ders); i++)
        ders[i] = der_of(client, memory);
    ck_assert_int_eq(certificate_parse_chain(NULL, ders, 0, &chain), -EBADMSG);
    ck_assert_int_eq(certificate_parse_chain(NULL, ders, CERTIFICATES_MAX + 1, &chain), -EBADMSG);
    ck_assert_int_eq(certificate_parse_chain(NULL, ders, CERTIFICATES_MAX, &chain), 0);
    ck_assert_int_eq(sk_X509_num(chain), CERTIFICATES_MAX);
}
END_TEST

/* A file of the test's own, removed at the end of the case. */
static char path[] = "/tmp/test_certificate.XXXXXX";

static void write_file(const char *before, X509 *first, X509 *second)
{
    FILE *file = fdopen(mkstemp(path), "w");

    ck_assert_ptr_nonnull(file);
    fputs(before, file);
    if (first)
        ck_assert_int_eq(PEM_write_X509(file, first), 1);
    if (second)
        ck_assert_int_eq(PEM_write_X509(file, second), 1);
    fclose(file);
}

START_TEST(all_certificates_of_a_file_are_read)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *stack = NULL;
    CLEANUP(X509_STORE_free) X509_STORE *store = NULL;

    write_file("Words before are a comment.\n", client, tls_issuer);
    ck_assert_int_eq(certificate_load_file(NULL, path, &stack), 0);
    ck_assert_int_eq(certificate_trust_file(NULL, path, &store), 0);
    unlink(path);
    ck_assert_int_eq(sk_X509_num(stack), 2);
    ck_assert_int_eq(X509_cmp(sk_X509_value(stack, 0), client), 0);
}
END_TEST

START_TEST(a_file_without_a_certificate_is_refused)
{
    STACK_OF(X509) *stack = NULL;

    write_file("nothing here\n", NULL, NULL);
    ck_assert_int_eq(certificate_load_file(NULL, path, &stack), -EBADMSG);
    unlink(path);
    ck_assert_int_eq(certificate_load_file(NULL, path, &stack), -ENOENT);
    ck_assert_ptr_null(stack);
}
END_TEST

START_TEST(a_certificate_that_claims_to_be_encrypted_asks_nobody)
{
    STACK_OF(X509) *stack = NULL;

    write_file("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
               "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
               "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n",
               NULL, NULL);
    ck_assert_int_eq(certificate_load_file(NULL, path, &stack), -EBADMSG);
    unlink(path);
    ck_assert_ptr_null(stack);
}
END_TEST

SUITE_WITH_FIXTURE("certificate", make_authority, free_authority, a_certificate_is_good_for_its_own_use_alone,
                   another_issuer_cannot_make_a_sealing_certificate,
                   any_usage_and_longer_numbers_are_not_the_sealing_usage, one_usage_among_several_is_enough,
                   a_leaf_cannot_issue, a_foreign_root_is_not_believed, a_missing_issuer_breaks_the_chain,
                   an_empty_chain_is_refused, time_is_the_callers, the_reason_is_in_words,
                   a_sealing_chain_gives_its_key, a_sealing_certificate_with_another_kind_of_key_gives_none,
                   der_comes_back_as_the_same_certificate, cut_extended_and_oversized_der_is_refused,
                   a_chain_on_the_wire_has_one_to_five_certificates, all_certificates_of_a_file_are_read,
                   a_file_without_a_certificate_is_refused,
                   a_certificate_that_claims_to_be_encrypted_asks_nobody);
