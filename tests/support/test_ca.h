/* SPDX-License-Identifier: Apache-2.0 */
/* test_ca.h - keys and certificates made on the spot, good ones and bad ones; aborts when it cannot. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TEST_DAY 86400L

/* A certificate to be made; @issuer NULL: signs itself. Times are seconds from now. */
struct test_certificate {
    const char *name;
    EVP_PKEY *key;
    X509 *issuer;
    EVP_PKEY *issuer_key;
    bool is_ca;
    const char *usage; /* extended key usage, "clientAuth"; NULL: none */
    long from, to;     /* both 0: from yesterday until tomorrow */
    OSSL_LIB_CTX *libctx;
};

static inline void test_require(bool is_done)
{
    if (!is_done)
        abort();
}

static inline EVP_PKEY *test_key_in(OSSL_LIB_CTX *libctx, const char *type)
{
    EVP_PKEY *key = strcmp(type, "EC") == 0 ? EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256")
                                            : EVP_PKEY_Q_keygen(libctx, NULL, type);

    test_require(key != NULL);
    return key;
}

static inline EVP_PKEY *test_key(const char *type)
{
    return test_key_in(NULL, type);
}

static inline void test_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    test_require(extension != NULL);
    test_require(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* Owner: the caller, X509_free(). */
static inline X509 *test_certificate(const struct test_certificate *wanted)
{
    X509 *certificate = X509_new_ex(wanted->libctx, NULL);
    EVP_PKEY *issuer_key = wanted->issuer ? wanted->issuer_key : wanted->key;
    bool is_default = wanted->from == 0 && wanted->to == 0;
    static long serial = 1;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), is_default ? -TEST_DAY : wanted->from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), is_default ? TEST_DAY : wanted->to);
    X509_set_pubkey(certificate, wanted->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)wanted->name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(wanted->issuer ? wanted->issuer : certificate));
    test_extension(certificate, NID_basic_constraints, wanted->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (wanted->usage)
        test_extension(certificate, NID_ext_key_usage, wanted->usage);
    test_require(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

/* A chain of up to three; the certificates stay the caller's. */
static inline STACK_OF(X509) *test_chain(X509 *leaf, X509 *second, X509 *third)
{
    X509 *const certificates[] = { leaf, second, third };
    STACK_OF(X509) *chain = sk_X509_new_null();

    for (size_t i = 0; i < 3 && certificates[i]; i++) {
        X509_up_ref(certificates[i]);
        test_require(sk_X509_push(chain, certificates[i]) > 0);
    }
    return chain;
}
