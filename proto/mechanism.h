/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism.h - the mechanisms of a remote signing token: one table for module, policy and signer.
 *
 * The module turns a hash-and-sign mechanism into its raw one (the hash is computed locally); only raw ones travel.
 * Decryption and derivation are what they are: nothing is done to their data here.
 * Source: PKCS#11 v3.1 6.1 (RSA), 6.3 (Elliptic Curve), 5.5.6 (C_GetMechanismInfo).
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "proto/privyseal.pb-c.h"

enum mechanism_use {
    USE_SIGN = 1,
    USE_VERIFY = 2,
    USE_DIGEST = 4,
    USE_GENERATE = 8,
    USE_DECRYPT = 16,
    USE_DERIVE = 32,
    USE_SIGN_RECOVER = 64,
    USE_VERIFY_RECOVER = 128,
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    const char *name;       /* "CKM_RSA_PKCS" */
    CK_KEY_TYPE key_type;   /* CKK_RSA, CKK_EC, CKK_EC_EDWARDS; for a digest CK_UNAVAILABLE_INFORMATION */
    unsigned use;           /* enum mechanism_use */
    CK_MECHANISM_TYPE hash; /* CKM_SHA256 ...: hashed locally first; 0: none */
    CK_MECHANISM_TYPE
    raw; /* what travels: CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, CKM_EDDSA ...; 0: local only */
    CK_ULONG min_bits, max_bits;
    bool has_pss; /* takes CK_RSA_PKCS_PSS_PARAMS */
};

/* NULL: not offered. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);
/* Walks the table: index from 0 until NULL. CKM_SHA256_RSA_PKCS stands before CKM_RSA_PKCS (pkcs11-tool --test). */
const struct mechanism *mechanism_at(size_t index);

/*
 * One bit for each mechanism that travels, for sets of them; 0: it does not travel. Bits are stored: a new mechanism
 * gets a new one, and none ever changes.
 */
uint32_t mechanism_wire_bit(CK_MECHANISM_TYPE raw);
uint32_t mechanism_wire_bits(void); /* all of them */

/* OpenSSL's name of a hash mechanism ("SHA256"), its output length; NULL and 0 for another. */
const char *mechanism_hash_name(CK_MECHANISM_TYPE hash);
size_t mechanism_hash_len(CK_MECHANISM_TYPE hash);
/* CKG_MGF1_SHA256 for CKM_SHA256 ...; 0 for another. */
CK_RSA_PKCS_MGF_TYPE mechanism_hash_mgf(CK_MECHANISM_TYPE hash);
/* RFC 8017 9.2: DER DigestInfo with @digest, appended. Errors: CKR_MECHANISM_INVALID, CKR_DATA_LEN_RANGE. */
MUST_CHECK CK_RV mechanism_digest_info(CK_MECHANISM_TYPE hash, struct bytes digest, struct buffer *ret);
/* Which hash a DigestInfo names, 0: it is none we know. For the audit record and RSA hygiene. */
CK_MECHANISM_TYPE mechanism_hash_of_digest_info(struct bytes data);
/*
 * Whether @data may be signed by a raw mechanism with a key of @bits: length limits, PSS salt and hash agreement.
 * Errors: REASON-able CK_RV: CKR_DATA_LEN_RANGE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
 * CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE.
 */
MUST_CHECK CK_RV mechanism_check_raw(CK_MECHANISM_TYPE raw, CK_KEY_TYPE key_type, unsigned bits,
                                     const Privyseal__V1__PssParameters *pss, struct bytes data);
/*
 * Whether @data may be decrypted by @mechanism with a key of @bits. The label of OAEP is empty, mask and hash agree.
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_ENCRYPTED_DATA_LEN_RANGE.
 */
MUST_CHECK CK_RV mechanism_check_decrypt(CK_MECHANISM_TYPE mechanism, CK_KEY_TYPE key_type, unsigned bits,
                                         const Privyseal__V1__OaepParameters *oaep, struct bytes data);
#define MECHANISM_OAEP_HASHES 4
/* The hashes that OAEP may use, each with the mask of its own. Walks: index from 0 until 0. */
CK_MECHANISM_TYPE mechanism_oaep_hash_at(size_t index, CK_RSA_PKCS_MGF_TYPE *ret_mgf);
/* OpenSSL's name of one; NULL: none of them. */
const char *mechanism_oaep_hash_name(CK_MECHANISM_TYPE hash);
/* Bytes of a signature by a key: modulus length, 2 * order length, 64. */
size_t mechanism_signature_len(CK_KEY_TYPE key_type, unsigned bits);
