/* SPDX-License-Identifier: Apache-2.0 */
/* rsa_public.h - what anybody can do with an RSA public key besides verifying: encrypt, and look into a signature. */
#pragma once

#include "proto/public_key.h"

/*
 * Encrypts by CKM_RSA_PKCS or CKM_RSA_PKCS_OAEP (@oaep as mechanism_check_decrypt() wants it); appends to @ret.
 * Source: RFC 8017 7.1 (RSAES-OAEP), 7.2 (RSAES-PKCS1-v1_5).
 * Errors: CKR_DATA_LEN_RANGE (too long for the key), CKR_HOST_MEMORY, CKR_GENERAL_ERROR.
 */
MUST_CHECK CK_RV rsa_public_encrypt(OSSL_LIB_CTX *libctx, const struct public_key *key,
                                    const Privyseal__V1__OaepParameters *oaep, struct bytes data,
                                    struct buffer *ret);
/*
 * What was signed by CKM_RSA_PKCS, appended. RFC 8017 9.2 (EMSA-PKCS1-v1_5).
 * Errors: CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID, CKR_HOST_MEMORY, CKR_GENERAL_ERROR.
 */
MUST_CHECK CK_RV rsa_public_recover(OSSL_LIB_CTX *libctx, const struct public_key *key,
                                    struct bytes signature, struct buffer *ret);
