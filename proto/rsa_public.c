/* SPDX-License-Identifier: Apache-2.0 */
/* rsa_public.c - RSA public keys by OpenSSL. */
#include "proto/rsa_public.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/mechanism.h"

#define MODULUS_MAX 512 /* bytes: RSA-4096 */

DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);

static size_t modulus_len(const struct public_key *key)
{
    return (key->bits + 7) / 8;
}

/* By name: the variants that take an EVP_MD would look it up in the default library context. */
static bool set_padding(EVP_PKEY_CTX *ctx, const Privyseal__V1__OaepParameters *oaep)
{
    const char *hash = oaep ? mechanism_oaep_hash_name(oaep->hash) : NULL;

    if (!oaep)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    return hash && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) == 1;
}

CK_RV rsa_public_encrypt(OSSL_LIB_CTX *libctx, const struct public_key *key,
                         const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct buffer *ret)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key->pkey, NULL);
    uint8_t ciphertext[MODULUS_MAX];
    size_t len = sizeof(ciphertext);

    if (key->type != CKK_RSA || modulus_len(key) > sizeof(ciphertext))
        return CKR_GENERAL_ERROR;
    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || !set_padding(ctx, oaep))
        return CKR_GENERAL_ERROR;
    if (EVP_PKEY_encrypt(ctx, ciphertext, &len, data.data, data.len) != 1)
        return CKR_DATA_LEN_RANGE; /* all else was checked before */
    buffer_append(ret, BYTES(ciphertext, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}

CK_RV rsa_public_recover(OSSL_LIB_CTX *libctx, const struct public_key *key, struct bytes signature,
                         struct buffer *ret)
{
    CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key->pkey, NULL);
    uint8_t data[MODULUS_MAX];
    size_t len = sizeof(data);

    if (key->type != CKK_RSA || modulus_len(key) > sizeof(data))
        return CKR_GENERAL_ERROR;
    if (signature.len != modulus_len(key))
        return CKR_SIGNATURE_LEN_RANGE;
    if (!ctx || EVP_PKEY_verify_recover_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return CKR_GENERAL_ERROR;
    if (EVP_PKEY_verify_recover(ctx, data, &len, signature.data, signature.len) != 1)
        return CKR_SIGNATURE_INVALID;
    buffer_append(ret, BYTES(data, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
}
