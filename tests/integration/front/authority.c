/* SPDX-License-Identifier: Apache-2.0 */
/* authority.c - X.509 with OpenSSL; anything unexpected fails the test at once. */
#include "tests/integration/front/authority.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

static const struct profile {
    const char *usage, *names;
    long from_s, until_s;
} profiles[] = {
    [ISSUE_SERVER] = { "serverAuth", "IP:127.0.0.1,DNS:localhost", -DAY_S, DAY_S },
    [ISSUE_CLIENT] = { "clientAuth", NULL, -DAY_S, DAY_S },
    [ISSUE_EXPIRED_CLIENT] = { "clientAuth", NULL, -2 * DAY_S, -DAY_S },
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *name, EVP_PKEY *key, X509 *issuer, long from_s, long until_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    return certificate;
}

struct authority authority_new(const char *name)
{
    struct authority authority = { .key = EVP_EC_gen("P-256") };

    ck_assert_ptr_nonnull(authority.key);
    authority.certificate = certificate_new(name, authority.key, NULL, -10 * DAY_S, 10 * DAY_S);
    add_extension(authority.certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(authority.certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    ck_assert_int_gt(X509_sign(authority.certificate, authority.key, EVP_sha256()), 0);
    return authority;
}

void authority_free(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

void authority_issue(const struct authority *authority, const char *name, enum issue issue,
                     EVP_PKEY **ret_key, X509 **ret_certificate)
{
    const struct profile *profile = &profiles[issue];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate;

    ck_assert_ptr_nonnull(key);
    certificate = certificate_new(name, key, authority->certificate, profile->from_s, profile->until_s);
    add_extension(certificate, NID_ext_key_usage, profile->usage);
    if (profile->names)
        add_extension(certificate, NID_subject_alt_name, profile->names);
    ck_assert_int_gt(X509_sign(certificate, authority->key, EVP_sha256()), 0);
    *ret_key = key;
    *ret_certificate = certificate;
}

BIO *pem_of_certificate(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_X509(bio, certificate), 1);
    return bio;
}

BIO *pem_of_key(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return bio;
}
