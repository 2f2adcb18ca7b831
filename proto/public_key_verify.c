/* SPDX-License-Identifier: Apache-2.0 */
/* public_key_verify.c - PKCS#11's signatures, verified by OpenSSL. */
#include "proto/public_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "include/table.h"
#include "proto/mechanism.h"

DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);
DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);
DEFINE_CLEANUP(ECDSA_SIG_free, ECDSA_SIG *);

static CK_RV set_pss(EVP_PKEY_CTX *ctx, const Privyseal__V1__PssParameters *pss)
{
    const char *hash = mechanism_hash_name(pss->hash);

    if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)pss->salt_len) != 1)
        return CKR_GENERAL_ERROR;
    /* By name: the variants that take an EVP_MD would look it up in the default library context. */
    return EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) == 1 ? CKR_OK : CKR_GENERAL_ERROR;
}

/* A context that verifies digests (or a DigestInfo) with whatever padding @pss asks for. */
static CK_RV begin_verifying(OSSL_LIB_CTX *libctx, const struct public_key *key,
                             const Privyseal__V1__PssParameters *pss, EVP_PKEY_CTX **ret)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key->pkey, NULL);
    OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };

    if (pss)
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                                     (char *)mechanism_hash_name(pss->hash), 0);
    if (!ctx || EVP_PKEY_verify_init_ex(ctx, params) != 1)
        return CKR_GENERAL_ERROR;
    if (pss && set_pss(ctx, pss) != CKR_OK)
        return CKR_GENERAL_ERROR;
    *ret = TAKE(ctx);
    return CKR_OK;
}

static CK_RV verify_by(EVP_PKEY_CTX *ctx, struct bytes data, struct bytes signature)
{
    return EVP_PKEY_verify(ctx, signature.data, signature.len, data.data, data.len) == 1
               ? CKR_OK
               : CKR_SIGNATURE_INVALID;
}

static CK_RV verify_digest(OSSL_LIB_CTX *libctx, const struct public_key *key,
                           const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;
    CK_RV rv = begin_verifying(libctx, key, pss, &ctx);

    return rv == CKR_OK ? verify_by(ctx, data, signature) : rv;
}

/* From r || s to DER; OpenSSL cuts a digest that is longer than the order. FIPS 186-4 6.4. */
static CK_RV verify_ecdsa(OSSL_LIB_CTX *libctx, const struct public_key *key,
                          const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    CLEANUP(ECDSA_SIG_free) ECDSA_SIG *pair = ECDSA_SIG_new();
    int half = (int)signature.len / 2;
    BIGNUM *r = BN_bin2bn(signature.data, half, NULL);
    BIGNUM *s = BN_bin2bn(signature.data + half, half, NULL);
    uint8_t *der = NULL;
    int len;
    CK_RV rv;

    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return CKR_HOST_MEMORY;
    }
    len = i2d_ECDSA_SIG(pair, &der);
    if (len <= 0)
        return CKR_HOST_MEMORY;
    rv = verify_digest(libctx, key, pss, data, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return rv;
}

static CK_RV verify_eddsa(OSSL_LIB_CTX *libctx, const struct public_key *key,
                          const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    (void)pss; /* mechanism_check_raw() has refused any */
    if (!ctx || EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx, NULL, key->pkey, NULL) != 1)
        return CKR_GENERAL_ERROR;
    return EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1
               ? CKR_OK
               : CKR_SIGNATURE_INVALID;
}

typedef CK_RV verify_function(OSSL_LIB_CTX *libctx, const struct public_key *key,
                              const Privyseal__V1__PssParameters *pss, struct bytes data,
                              struct bytes signature);

static const struct verifier {
    CK_KEY_TYPE type;
    verify_function *verify;
} verifiers[] = {
    { CKK_RSA, verify_digest },
    { CKK_EC, verify_ecdsa },
    { CKK_EC_EDWARDS, verify_eddsa },
};

static CK_RV check_form(const struct public_key *key, CK_MECHANISM_TYPE raw,
                        const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    CK_RV rv = mechanism_check_raw(raw, key->type, key->bits, pss, data);

    if (rv != CKR_OK)
        return rv;
    return signature.len == mechanism_signature_len(key->type, key->bits) ? CKR_OK : CKR_SIGNATURE_LEN_RANGE;
}

CK_RV public_key_verify(OSSL_LIB_CTX *libctx, const struct public_key *key, CK_MECHANISM_TYPE raw,
                        const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    const struct verifier *row;
    CK_RV rv = check_form(key, raw, pss, data, signature);

    if (rv != CKR_OK)
        return rv;
    for (EACH_ROW(row, verifiers))
        if (row->type == key->type)
            return row->verify(libctx, key, pss, data, signature);
    return CKR_KEY_TYPE_INCONSISTENT;
}

CK_RV public_key_verify_often(struct public_key *key, CK_MECHANISM_TYPE raw,
                              const Privyseal__V1__PssParameters *pss, struct bytes data,
                              struct bytes signature)
{
    CK_RV rv;

    if (raw != CKM_RSA_PKCS)
        return public_key_verify(NULL, key, raw, pss, data, signature);
    rv = check_form(key, raw, pss, data, signature);
    if (rv == CKR_OK && !key->verifying)
        rv = begin_verifying(NULL, key, NULL, &key->verifying);
    return rv == CKR_OK ? verify_by(key->verifying, data, signature) : rv;
}
