/* SPDX-License-Identifier: Apache-2.0 */
/* certificate.c - X.509 through OpenSSL, told everything: trust, time, purpose, library context. */
#include "proto/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "include/table.h"
#include "proto/digest.h"

#define SECURITY_LEVEL                                                                                       \
    2 /* OpenSSL's: 112 bits; no SHA-1, no RSA below 2048. Chains are ours, so none needs less */
#define OID_MAX  64 /* characters of the longest OID that is ours, and more */
#define FILE_MAX 64 /* certificates in a PEM file: a file of ours has a handful */

DEFINE_CLEANUP(BIO_free, BIO *);
DEFINE_CLEANUP(X509_STORE_CTX_free, X509_STORE_CTX *);
DEFINE_CLEANUP(EXTENDED_KEY_USAGE_free, EXTENDED_KEY_USAGE *);

int certificate_parse(OSSL_LIB_CTX *libctx, struct bytes der, X509 **ret)
{
    CLEANUP(X509_free) X509 *certificate = NULL;
    const unsigned char *end = der.data;

    if (der.len == 0 || der.len > CERTIFICATE_MAX)
        return -EBADMSG;
    certificate = X509_new_ex(libctx, NULL);
    if (!certificate)
        return -ENOMEM;
    /* When it fails d2i frees the certificate and sets it to NULL. */
    if (!d2i_X509(&certificate, &end, (long)der.len) || end != der.data + der.len)
        return -EBADMSG;
    *ret = TAKE(certificate);
    return 0;
}

int certificate_hash(OSSL_LIB_CTX *libctx, X509 *certificate, uint8_t ret[HASH_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    int r;

    if (len <= 0)
        return -ENOMEM;
    r = digest_sha256(libctx, BYTES(der, (size_t)len), ret);
    OPENSSL_free(der);
    return r;
}

/* ---------------------------------------------------------------------------------------------- PEM files */

/* A certificate is never encrypted; without this OpenSSL would ask the terminal about one that says so. */
static int refuse_password(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer, (void)size, (void)is_writing, (void)context;
    return -1;
}

/* One more certificate of the file. Errors: -ENOENT (no more), -EBADMSG, -ENOMEM. */
static int read_pem(OSSL_LIB_CTX *libctx, BIO *bio, X509 **ret)
{
    CLEANUP(X509_free) X509 *certificate = X509_new_ex(libctx, NULL);
    bool is_end;

    if (!certificate)
        return -ENOMEM;
    ERR_set_mark();
    if (PEM_read_bio_X509(bio, &certificate, refuse_password, NULL)) {
        ERR_pop_to_mark();
        *ret = TAKE(certificate);
        return 0;
    }
    is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_pop_to_mark();
    return is_end ? -ENOENT : -EBADMSG;
}

int certificate_load_file(OSSL_LIB_CTX *libctx, const char *path, STACK_OF(X509) **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *stack = sk_X509_new_null();
    CLEANUP(BIO_free) BIO *bio = NULL;
    FILE *file;
    int r;

    if (!stack)
        return -ENOMEM;
    file = fopen(path, "re");
    if (!file)
        return -errno;
    bio = BIO_new_fp(file, BIO_CLOSE);
    if (!bio) {
        fclose(file);
        return -ENOMEM;
    }
    for (;;) {
        CLEANUP(X509_free) X509 *certificate = NULL;

        r = read_pem(libctx, bio, &certificate);
        if (r == -ENOENT)
            break;
        if (r < 0)
            return r;
        if (sk_X509_num(stack) >= FILE_MAX)
            return -EBADMSG;
        if (sk_X509_push(stack, certificate) <= 0)
            return -ENOMEM;
        certificate = NULL;
    }
    if (sk_X509_num(stack) == 0)
        return -EBADMSG;
    *ret = TAKE(stack);
    return 0;
}

int certificate_trust_file(OSSL_LIB_CTX *libctx, const char *path, X509_STORE **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *stack = NULL;
    CLEANUP(X509_STORE_free) X509_STORE *store = NULL;
    int r = certificate_load_file(libctx, path, &stack);

    if (r < 0)
        return r;
    store = X509_STORE_new();
    if (!store)
        return -ENOMEM;
    for (int i = 0; i < sk_X509_num(stack); i++)
        if (X509_STORE_add_cert(store, sk_X509_value(stack, i)) != 1)
            return -ENOMEM;
    *ret = TAKE(store);
    return 0;
}

int certificate_parse_chain(OSSL_LIB_CTX *libctx, const struct bytes *ders, size_t count,
                            STACK_OF(X509) **ret)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *stack = NULL;

    if (count == 0 || count > CERTIFICATES_MAX)
        return -EBADMSG;
    stack = sk_X509_new_null();
    if (!stack)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(X509_free) X509 *certificate = NULL;
        int r = certificate_parse(libctx, ders[i], &certificate);

        if (r < 0)
            return r;
        if (sk_X509_push(stack, certificate) <= 0)
            return -ENOMEM;
        certificate = NULL;
    }
    *ret = TAKE(stack);
    return 0;
}

/* ------------------------------------------------------------------------------------------ path checking */

/* Lists @usage itself: with "any usage" any authority could name such keys. RFC 5280 4.2.1.12. */
static bool has_usage(X509 *certificate, const char *usage)
{
    CLEANUP(EXTENDED_KEY_USAGE_free)
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);

    for (int i = 0; usages && i < sk_ASN1_OBJECT_num(usages); i++) {
        char oid[OID_MAX];
        /* The length it has in full: a longer one is not equal because it was cut. */
        int len = OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usages, i), 1);

        if (len == (int)strlen(usage) && len < OID_MAX && strcmp(oid, usage) == 0)
            return true;
    }
    return false;
}

/* Leaf and issuer: so nobody who may issue other certificates can name such a key. */
static int check_usage(X509_STORE_CTX *ctx, const char *usage, const char **why)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

    for (int i = 0; i < 2; i++) {
        if (i < sk_X509_num(path) && has_usage(sk_X509_value(path, i), usage))
            continue;
        *why = i == 0 ? "the certificate is not for this use"
                      : "its issuer may not issue certificates for this use";
        return -EACCES;
    }
    return 0;
}

static int check_path(X509_STORE_CTX *ctx, const char **why)
{
    int r;

    ERR_set_mark();
    r = X509_verify_cert(ctx);
    ERR_pop_to_mark();
    if (r == 1)
        return 0;
    *why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
    return -EACCES;
}

/* What OpenSSL checks of a use by itself, and what is left to us. */
static const struct use_row {
    enum certificate_use use;
    int purpose;       /* X509_PURPOSE_*; 0: it knows none */
    const char *usage; /* that leaf and issuer must list; NULL: none */
} uses[] = {
    { CERTIFICATE_CLIENT, X509_PURPOSE_SSL_CLIENT, NULL },
    { CERTIFICATE_SERVER, X509_PURPOSE_SSL_SERVER, NULL },
    { CERTIFICATE_SEAL, 0, SEAL_EKU_OID },
    { CERTIFICATE_OFFICER, 0, OFFICER_EKU_OID },
};

static int set_up(X509_STORE_CTX *ctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                  const struct use_row *row, uint64_t now_unix)
{
    X509_VERIFY_PARAM *param;

    if (X509_STORE_CTX_init(ctx, trust, sk_X509_value(chain, 0), (STACK_OF(X509) *)chain) != 1)
        return -ENOMEM;
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, CERTIFICATES_MAX);
    if (now_unix)
        X509_VERIFY_PARAM_set_time(param, (time_t)now_unix);
    return row->purpose && X509_VERIFY_PARAM_set_purpose(param, row->purpose) != 1 ? -ENOMEM : 0;
}

int certificate_check(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                      enum certificate_use use, uint64_t now_unix, const char **why)
{
    CLEANUP(X509_STORE_CTX_free) X509_STORE_CTX *ctx = NULL;
    const struct use_row *row;
    int r;

    for (EACH_ROW(row, uses))
        if (row->use == use)
            break;
    *why = "there is no certificate to check";
    if (row == uses + ARRAY_SIZE(uses) || sk_X509_num(chain) < 1 || sk_X509_num(chain) > CERTIFICATES_MAX)
        return -EACCES;
    *why = "out of memory";
    ctx = X509_STORE_CTX_new_ex(libctx, NULL);
    if (!ctx || set_up(ctx, chain, trust, row, now_unix) < 0)
        return -EACCES;
    r = check_path(ctx, why);
    return r < 0 || !row->usage ? r : check_usage(ctx, row->usage, why);
}

static int take_key(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                    enum certificate_use use, uint8_t ret[32], const char **why)
{
    uint8_t key[32];
    size_t len = sizeof(key);
    EVP_PKEY *pkey;
    int r = certificate_check(libctx, chain, trust, use, 0, why);

    if (r < 0)
        return r;
    *why = "the certificate's key is not X25519";
    pkey = X509_get0_pubkey(sk_X509_value(chain, 0));
    if (!pkey || !EVP_PKEY_is_a(pkey, "X25519"))
        return -EBADMSG;
    if (EVP_PKEY_get_raw_public_key(pkey, key, &len) != 1 || len != sizeof(key))
        return -EBADMSG;
    memcpy(ret, key, sizeof(key));
    return 0;
}

int certificate_seal_key(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                         uint8_t ret[32], const char **why)
{
    return take_key(libctx, chain, trust, CERTIFICATE_SEAL, ret, why);
}

int certificate_officer_key(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                            uint8_t ret[32], const char **why)
{
    return take_key(libctx, chain, trust, CERTIFICATE_OFFICER, ret, why);
}
