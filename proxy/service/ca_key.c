/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_key.c - an EC_KEY without its private half, whose signatures the HSM makes.
 *
 * OpenSSL 3 would rather have a provider for this, a thousand lines that a method of one function makes needless; it
 * calls the method outdated, so this file, and no other, says that it knows.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/service/ca_key.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define APP_DATA 0 /* the index of external data that OpenSSL leaves to the program. CRYPTO_set_ex_data(3) */

/* Owned by the EC_KEY, freed with it. */
struct ca_key {
    struct hsm *hsm;
    enum hsm_ca ca;
    EC_KEY_METHOD *method;
};

static ECDSA_SIG *sign(const unsigned char *digest, int len, const BIGNUM *inverse, const BIGNUM *nonce,
                       EC_KEY *key)
{
    const struct ca_key *ca_key = EC_KEY_get_ex_data(key, APP_DATA);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    uint8_t raw[64];
    BIGNUM *r, *s;

    (void)inverse;
    (void)nonce;
    if (!signature || len != HASH_LEN || hsm_ca_sign(ca_key->hsm, ca_key->ca, digest, raw) != CKR_OK) {
        ECDSA_SIG_free(signature);
        return NULL;
    }
    r = BN_bin2bn(raw, 32, NULL);
    s = BN_bin2bn(raw + 32, 32, NULL);
    if (r && s && ECDSA_SIG_set0(signature, r, s))
        return signature;
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return NULL;
}

static void finish(EC_KEY *key)
{
    struct ca_key *ca_key = EC_KEY_get_ex_data(key, APP_DATA);

    if (!ca_key)
        return;
    EC_KEY_METHOD_free(ca_key->method);
    free(ca_key);
}

/* On success the EC_KEY owns what is made here. */
static CK_RV hand_over(struct hsm *hsm, enum hsm_ca ca, EC_KEY *key)
{
    struct ca_key *ca_key = calloc(1, sizeof(*ca_key));
    EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    int (*encode)(int, const unsigned char *, int, unsigned char *, unsigned *, const BIGNUM *,
                  const BIGNUM *, EC_KEY *);

    EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), &encode, NULL, NULL);
    if (ca_key && method && EC_KEY_set_ex_data(key, APP_DATA, ca_key)) {
        *ca_key = (struct ca_key){ hsm, ca, method };
        EC_KEY_METHOD_set_sign(method, encode, NULL, sign);
        EC_KEY_METHOD_set_init(method, NULL, finish, NULL, NULL, NULL, NULL);
        if (EC_KEY_set_method(key, method))
            return CKR_OK;
        EC_KEY_set_ex_data(key, APP_DATA, NULL);
    }
    EC_KEY_METHOD_free(method);
    free(ca_key);
    return CKR_HOST_MEMORY;
}

CK_RV ca_key_new(struct hsm *hsm, enum hsm_ca ca, EVP_PKEY **ret)
{
    CLEANUP(buffer_clear) struct buffer spki = { 0 };
    EVP_PKEY *pkey = EVP_PKEY_new();
    const unsigned char *at;
    EC_KEY *key = NULL;
    CK_RV rv = hsm_ca_public_key(hsm, ca, &spki);

    if (rv == CKR_OK) {
        at = spki.data;
        key = d2i_EC_PUBKEY(NULL, &at, (long)spki.len);
        rv = key && pkey ? hand_over(hsm, ca, key) : CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK && EVP_PKEY_assign_EC_KEY(pkey, key)) {
        *ret = pkey;
        return CKR_OK;
    }
    EC_KEY_free(key);
    EVP_PKEY_free(pkey);
    return rv == CKR_OK ? CKR_HOST_MEMORY : rv;
}
