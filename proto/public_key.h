/* SPDX-License-Identifier: Apache-2.0 */
/* public_key.h - a SubjectPublicKeyInfo taken apart: its parts as PKCS#11 attributes, and verification. */
#pragma once

#include <openssl/types.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/privyseal.pb-c.h"

struct public_key {
    CK_KEY_TYPE type;                  /* CKK_RSA, CKK_EC, CKK_EC_EDWARDS */
    unsigned bits;                     /* 2048 ...; 256, 384, 521; 255 */
    struct buffer spki;                /* DER SubjectPublicKeyInfo */
    uint8_t name[KEY_NAME_LEN];        /* SHA-256 of spki */
    struct buffer modulus, exponent;   /* RSA: unsigned big-endian, as CKA_MODULUS, CKA_PUBLIC_EXPONENT */
    struct buffer ec_params, ec_point; /* EC: CKA_EC_PARAMS (DER OID), CKA_EC_POINT (DER OCTET STRING) */
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *verifying; /* public_key_verify_often()'s; NULL: not asked yet */
};

void public_key_free(struct public_key *key);
DEFINE_CLEANUP(public_key_free, struct public_key *);

/* Errors: CKR_KEY_TYPE_INCONSISTENT (not one of ours), CKR_KEY_SIZE_RANGE, CKR_DATA_INVALID, CKR_HOST_MEMORY. */
MUST_CHECK CK_RV public_key_of_spki(OSSL_LIB_CTX *libctx, struct bytes spki, struct public_key **ret);
/* From the attributes an HSM gives (CKA_MODULUS and exponent, or CKA_EC_PARAMS and point, DER or bare). */
MUST_CHECK CK_RV public_key_of_rsa(OSSL_LIB_CTX *libctx, struct bytes modulus, struct bytes exponent,
                                   struct public_key **ret);
MUST_CHECK CK_RV public_key_of_ec(OSSL_LIB_CTX *libctx, CK_KEY_TYPE type, struct bytes params,
                                  struct bytes point, struct public_key **ret);
/* DER CKA_EC_PARAMS for (CKK_EC, 256|384|521) and (CKK_EC_EDWARDS, 255); empty for others. Static memory. */
struct bytes public_key_ec_params(CK_KEY_TYPE type, unsigned bits);
/*
 * Verifies a PKCS#11-shaped signature by a raw mechanism (mechanism.h). Errors: CKR_SIGNATURE_INVALID,
 * CKR_SIGNATURE_LEN_RANGE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_GENERAL_ERROR.
 */
MUST_CHECK CK_RV public_key_verify(OSSL_LIB_CTX *libctx, const struct public_key *key, CK_MECHANISM_TYPE raw,
                                   const Privyseal__V1__PssParameters *pss, struct bytes data,
                                   struct bytes signature);
/*
 * The same for one thread that has many signatures by one key: for RSA's older padding, which has no parameters, a context
 * stays in @key. (Making one takes OpenSSL 3.0 twice as long as verifying: it walks the names of all algorithms.)
 */
MUST_CHECK CK_RV public_key_verify_often(struct public_key *key, CK_MECHANISM_TYPE raw,
                                         const Privyseal__V1__PssParameters *pss, struct bytes data,
                                         struct bytes signature);
