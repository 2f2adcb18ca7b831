/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism.c - the table, and each scheme's way to have OpenSSL judge a signature. */
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "conformance/checks/check.h"
#include "conformance/checks/mechanism.h"

#define MECHANISM(type, key_type, digest, scheme) { type, #type, key_type, digest, scheme },

const struct mechanism mechanisms[] = {
#include "conformance/mechanisms.def"
};
const size_t mechanism_count = COUNT(mechanisms);

/* What a PSS parameter names for each digest. v3.1 6.1.9 (PKCS #1 RSA PSS mechanism parameters). */
static const struct {
    const char *digest;
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
} pss_digests[] = {
    { "SHA1", CKM_SHA_1, CKG_MGF1_SHA1 },      { "SHA224", CKM_SHA224, CKG_MGF1_SHA224 },
    { "SHA256", CKM_SHA256, CKG_MGF1_SHA256 }, { "SHA384", CKM_SHA384, CKG_MGF1_SHA384 },
    { "SHA512", CKM_SHA512, CKG_MGF1_SHA512 },
};

/* The DER that stands before a SHA-256 digest in a PKCS #1 signature. RFC 8017 9.2, note 1. */
static const CK_BYTE sha256_digest_info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                              0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static const char *digest_name(const struct mechanism *mechanism)
{
    return mechanism->digest ? mechanism->digest : "SHA256";
}

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < COUNT(mechanisms); i++)
        if (mechanisms[i].type == type)
            return &mechanisms[i];
    return NULL;
}

void mechanism_use_init(struct mechanism_use *use, const struct mechanism *mechanism, CK_ULONG salt_len)
{
    memset(use, 0, sizeof(*use));
    use->ck.mechanism = mechanism->type;
    if (mechanism->scheme != PSS)
        return;
    for (size_t i = 0; i < COUNT(pss_digests); i++)
        if (!strcmp(pss_digests[i].digest, digest_name(mechanism))) {
            use->pss.hashAlg = pss_digests[i].hash;
            use->pss.mgf = pss_digests[i].mgf;
        }
    use->pss.sLen = salt_len;
    use->ck.pParameter = &use->pss;
    use->ck.ulParameterLen = sizeof(use->pss);
}

CK_ULONG mechanism_digest_len(const struct mechanism *mechanism)
{
    return (CK_ULONG)EVP_MD_get_size(EVP_get_digestbyname(digest_name(mechanism)));
}

CK_ULONG mechanism_fit(const struct mechanism *mechanism, CK_BYTE *data, CK_ULONG len, CK_ULONG signature_len)
{
    if (mechanism->digest || mechanism->scheme == EDWARDS)
        return len;
    switch (mechanism->scheme) {
    case PKCS1:
        memcpy(data, sha256_digest_info, sizeof(sha256_digest_info));
        return sizeof(sha256_digest_info) + 32;
    case RAW_RSA:
        data[0] = 0; /* below the modulus, whose first bit is set */
        return signature_len;
    default:
        return 32;
    }
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct mechanism_use *use, const struct mechanism *mechanism)
{
    static const int paddings[] = {
        [PKCS1] = RSA_PKCS1_PADDING, [RAW_RSA] = RSA_NO_PADDING, [PSS] = RSA_PKCS1_PSS_PADDING
    };

    if (mechanism->key_type != CKK_RSA)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, paddings[mechanism->scheme]) <= 0)
        return false;
    return mechanism->scheme != PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)use->pss.sLen) > 0;
}

/* r and s as PKCS#11 joins them, in the DER that OpenSSL reads. v3.1 6.3.1 (EC signatures). */
static int ec_signature_to_der(const CK_BYTE *signature, CK_ULONG len, unsigned char **ret)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    int half = (int)(len / 2), der_len;

    ECDSA_SIG_set0(pair, BN_bin2bn(signature, half, NULL), BN_bin2bn(signature + half, half, NULL));
    der_len = i2d_ECDSA_SIG(pair, ret);
    ECDSA_SIG_free(pair);
    return der_len;
}

static bool verify_message(EVP_PKEY *key, const struct mechanism_use *use, const struct mechanism *mechanism,
                           const CK_BYTE *data, CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;
    const EVP_MD *digest = mechanism->digest ? EVP_get_digestbyname(mechanism->digest) : NULL;
    bool is_good = EVP_DigestVerifyInit(ctx, &key_ctx, digest, NULL, key) > 0 &&
                   set_padding(key_ctx, use, mechanism) &&
                   EVP_DigestVerify(ctx, signature, len, data, data_len) > 0;

    EVP_MD_CTX_free(ctx);
    return is_good;
}

/* A digest that the caller made: PSS must know which, the others do not care. */
static bool verify_digest(EVP_PKEY *key, const struct mechanism_use *use, const struct mechanism *mechanism,
                          const CK_BYTE *data, CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool is_good = EVP_PKEY_verify_init(ctx) > 0 && set_padding(ctx, use, mechanism) &&
                   (mechanism->scheme != PSS || EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0) &&
                   EVP_PKEY_verify(ctx, signature, len, data, data_len) > 0;

    EVP_PKEY_CTX_free(ctx);
    return is_good;
}

/* A DigestInfo or a bare number: what the public key recovers is what was signed. */
static bool recovers(EVP_PKEY *key, const struct mechanism_use *use, const struct mechanism *mechanism,
                     const CK_BYTE *data, CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    unsigned char found[2048];
    size_t found_len = sizeof(found);
    bool is_good = EVP_PKEY_verify_recover_init(ctx) > 0 && set_padding(ctx, use, mechanism) &&
                   EVP_PKEY_verify_recover(ctx, found, &found_len, signature, len) > 0 &&
                   found_len == data_len && !memcmp(found, data, data_len);

    EVP_PKEY_CTX_free(ctx);
    return is_good;
}

bool signature_verifies(EVP_PKEY *key, const struct mechanism_use *use, const CK_BYTE *data,
                        CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG signature_len)
{
    const struct mechanism *mechanism = mechanism_find(use->ck.mechanism);
    unsigned char *der = NULL;
    bool is_good;

    if (mechanism->scheme == EC_RS) {
        int der_len = ec_signature_to_der(signature, signature_len, &der);
        is_good = der_len > 0 && (mechanism->digest ? verify_message : verify_digest)(
                                     key, use, mechanism, data, data_len, der, (CK_ULONG)der_len);
        OPENSSL_free(der);
        return is_good;
    }
    if (mechanism->digest || mechanism->scheme == EDWARDS)
        return verify_message(key, use, mechanism, data, data_len, signature, signature_len);
    return (mechanism->scheme == PSS ? verify_digest : recovers)(key, use, mechanism, data, data_len,
                                                                 signature, signature_len);
}
