/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_pair.h - the kinds of users' keys: how the HSM makes each, who can hold it, what each may be used for; and the
 * uses themselves: a signature leaves only when it verifies, and a key that decrypts or derives proves itself first.
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "proto/public_key.h"
#include "proxy/hsm/handle_cache.h"
#include "proxy/hsm/hsm_session.h"
#include "proxy/store/store.h"

#define KEY_MECHANISMS_MAX 2

struct key_kind {
    CK_KEY_TYPE type;
    unsigned bits;
    bool can_wrap; /* SoftHSM 2.6.1 refuses to wrap Ed25519 (CKR_KEY_NOT_WRAPPABLE) */
    CK_MECHANISM_TYPE generate;
};

/* What a key of one type may be used for: HSM attributes and mechanisms of one usage. */
struct key_use {
    CK_KEY_TYPE type;
    enum key_usage usage;
    CK_BBOOL signs, decrypts,
        derives; /* CKA_SIGN, CKA_DECRYPT, CKA_DERIVE; of the public half VERIFY, ENCRYPT */
    CK_MECHANISM_TYPE mechanisms[KEY_MECHANISMS_MAX]; /* raw ones; its CKA_ALLOWED_MECHANISMS */
    CK_ULONG mechanisms_count;
};

/* NULL: no key of ours. */
const struct key_kind *key_kind_find(CK_KEY_TYPE type, unsigned bits);
/* NULL: keys of that type have no such use. */
const struct key_use *key_use_find(CK_KEY_TYPE type, enum key_usage usage);

/* The attributes that say a private key's use, each of them, true or false. For a template. */
#define KEY_USE_ATTRIBUTES(use)                                                                              \
    ATTRIBUTE_BYTES(CKA_SIGN, &(use)->signs, sizeof(CK_BBOOL)), ATTRIBUTE_FALSE(CKA_SIGN_RECOVER),           \
        ATTRIBUTE_BYTES(CKA_DECRYPT, &(use)->decrypts, sizeof(CK_BBOOL)),                                    \
        ATTRIBUTE_BYTES(CKA_DERIVE, &(use)->derives, sizeof(CK_BBOOL)), ATTRIBUTE_FALSE(CKA_UNWRAP)
#define KEY_USE_MECHANISMS(use)                                                                              \
    ATTRIBUTE_BYTES(CKA_ALLOWED_MECHANISMS, (use)->mechanisms,                                               \
                    (use)->mechanisms_count * sizeof(CK_MECHANISM_TYPE))

/*
 * Makes a pair: the public half as a session object that is read and destroyed, the private one by @template.
 * @ret: the private key, the caller destroys it. Errors: what the HSM says.
 */
MUST_CHECK CK_RV key_pair_generate(const struct hsm_session *session, const struct key_kind *kind,
                                   const struct key_use *use, CK_ATTRIBUTE *template, CK_ULONG count,
                                   CK_OBJECT_HANDLE *ret, struct public_key **ret_public);
/* Name, type, size and SubjectPublicKeyInfo of a new row. Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV key_pair_describe(const struct public_key *public_key, struct key_row *row);
/* The public key of a row, if the row is of one piece. Errors: CKR_DATA_INVALID. */
MUST_CHECK CK_RV key_pair_of_row(const struct key_row *row, struct public_key **ret);

/*
 * Signs and appends to @ret. Verified with the stored public key before release: always by a handle that has not yet
 * proved itself (a row may have been swapped), always RSA (one fault in a CRT half gives the key away, and verifying
 * is cheap), else if @verify. @data as in proto/mechanism.h.
 * Errors: CKR_DATA_INVALID (it does not verify: drop the handle), what the HSM says.
 */
MUST_CHECK CK_RV key_pair_sign(struct key_handle *key, CK_MECHANISM_TYPE raw,
                               const Privyseal__V1__PssParameters *pss, struct bytes data, bool verify,
                               struct buffer *ret);
/*
 * Decrypts by CKM_RSA_PKCS or CKM_RSA_PKCS_OAEP; all of it was checked by mechanism_check_decrypt().
 * Errors: CKR_ENCRYPTED_DATA_INVALID, CKR_MECHANISM_PARAM_INVALID (a hash this HSM does not know), as above.
 */
MUST_CHECK CK_RV key_pair_decrypt(struct key_handle *key, CK_MECHANISM_TYPE mechanism,
                                  const Privyseal__V1__OaepParameters *oaep, struct bytes data,
                                  struct secret **ret);
/*
 * ECDH with a point that is checked to be one of the key's curve: an invalid one would give the key away bit by bit.
 * Source: PKCS#11 v3.1 6.3.17 (Elliptic curve Diffie-Hellman key derivation). Errors: CKR_MECHANISM_PARAM_INVALID.
 */
MUST_CHECK CK_RV key_pair_derive(struct key_handle *key, struct bytes peer, struct secret **ret);
/* A use that is made, checked against the stored public key, and thrown away. */
MUST_CHECK CK_RV key_pair_prove(struct key_handle *key, enum key_usage usage);
/* Whether the HSM lost the handle: a restart, a failover, somebody who destroyed the object. */
bool key_pair_is_lost(CK_RV rv);
