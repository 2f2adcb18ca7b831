/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_pair.h - the kinds of users' keys: how the HSM makes each, what each may sign with, who can hold it; and the
 * signature itself, which leaves only when it verifies.
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
    CK_MECHANISM_TYPE mechanisms[KEY_MECHANISMS_MAX]; /* raw ones; its CKA_ALLOWED_MECHANISMS */
    CK_ULONG mechanisms_count;
};

/* NULL: no key of ours. */
const struct key_kind *key_kind_find(CK_KEY_TYPE type, unsigned bits);

/*
 * Makes a pair: the public half as a session object that is read and destroyed, the private one by @template.
 * @ret: the private key, the caller destroys it. Errors: what the HSM says.
 */
MUST_CHECK CK_RV key_pair_generate(const struct hsm_session *session, const struct key_kind *kind,
                                   CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret,
                                   struct public_key **ret_public);
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
/* A signature that is made, verified and thrown away. */
MUST_CHECK CK_RV key_pair_prove(struct key_handle *key);
/* Whether the HSM lost the handle: a restart, a failover, somebody who destroyed the object. */
bool key_pair_is_lost(CK_RV rv);
