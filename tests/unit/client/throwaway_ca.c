/* SPDX-License-Identifier: Apache-2.0 */
/* throwaway_ca.c - the least X.509 that our checks accept. */
#include "tests/unit/client/throwaway_ca.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "proto/certificate.h"

static const struct {
    const char *name, *basic, *usage, *extended, *alternative;
} kinds[] = {
    [THROWAWAY_ROOT] = { "throw-away root", "critical,CA:TRUE", "critical,keyCertSign", NULL, NULL },
    [THROWAWAY_SEAL_ISSUER] = { "seal issuer", "critical,CA:TRUE", "critical,keyCertSign", SEAL_EKU_OID,
                                NULL },
    [THROWAWAY_SEAL] = { "seal", "critical,CA:FALSE", "critical,keyAgreement", SEAL_EKU_OID, NULL },
    [THROWAWAY_SERVER] = { "localhost", "critical,CA:FALSE", "critical,digitalSignature", "serverAuth",
                           "DNS:localhost,IP:127.0.0.1" },
    [THROWAWAY_CLIENT] = { "anna", "critical,CA:FALSE", "critical,digitalSignature", "clientAuth", NULL },
};

static void add_extension(X509 *certificate, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (!value)
        return;
    X509V3_set_ctx(&context, (X509 *)issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void set_name(X509 *certificate, const char *name)
{
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const uint8_t *)name,
                               -1, -1, 0);
}

struct throwaway throwaway_make(enum throwaway_kind kind, const struct throwaway *issuer, EVP_PKEY *key)
{
    static long serial = 1;
    struct throwaway made = { X509_new(), key ? key : EVP_EC_gen("P-256") };
    const X509 *parent = issuer ? issuer->certificate : made.certificate;

    X509_set_version(made.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), 86400);
    set_name(made.certificate, kinds[kind].name);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(parent));
    ck_assert_int_eq(X509_set_pubkey(made.certificate, made.key), 1);
    add_extension(made.certificate, parent, NID_basic_constraints, kinds[kind].basic);
    add_extension(made.certificate, parent, NID_key_usage, kinds[kind].usage);
    add_extension(made.certificate, parent, NID_ext_key_usage, kinds[kind].extended);
    add_extension(made.certificate, parent, NID_subject_alt_name, kinds[kind].alternative);
    ck_assert_int_gt(X509_sign(made.certificate, issuer ? issuer->key : made.key, EVP_sha256()), 0);
    return made;
}

void throwaway_clear(struct throwaway *throwaway)
{
    X509_free(throwaway->certificate);
    EVP_PKEY_free(throwaway->key);
}

static FILE *open_below(const char *directory, const char *name, const char *suffix)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s%s", directory, name, suffix);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    return file;
}

void throwaway_write(const struct throwaway *throwaway, const char *directory, const char *name)
{
    FILE *certificate = open_below(directory, name, ".pem"), *key = open_below(directory, name, ".key");

    ck_assert_int_eq(PEM_write_X509(certificate, throwaway->certificate), 1);
    ck_assert_int_eq(PEM_write_PKCS8PrivateKey(key, throwaway->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(certificate);
    fclose(key);
}

void throwaway_der(const struct throwaway *throwaway, struct buffer *ret)
{
    uint8_t *der = NULL;
    int len = i2d_X509(throwaway->certificate, &der);

    ck_assert_int_gt(len, 0);
    buffer_append(ret, BYTES(der, (size_t)len));
    OPENSSL_free(der);
}
