/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spki.h - SubjectPublicKeyInfo read and written, without OpenSSL.
 *
 * OpenSSL 3.0 walks all its decoders for every key it reads, which takes longer than a signature; our kinds of keys
 * need two tags and two lengths.
 *
 * Source: RFC 5280 4.1.2.7 (Subject Public Key Info), RFC 3279 2.3.1 (RSA Keys), RFC 5480 2 (Subject Public Key
 * Information Fields), RFC 8410 3 (Curve25519 and Curve448 Algorithm Identifiers); X.690 10 (DER).
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/bytes.h"

/* Lends from wherever its parts came. */
struct spki {
    CK_KEY_TYPE type;               /* CKK_RSA, CKK_EC, CKK_EC_EDWARDS */
    struct bytes modulus, exponent; /* RSA: without zeros in front */
    struct bytes params, point;     /* EC: the curve's OID in DER, as CKA_EC_PARAMS; the bare point */
};

/*
 * Errors: CKR_HOST_MEMORY, CKR_KEY_TYPE_INCONSISTENT (another algorithm), CKR_DATA_INVALID (also an encoding that is
 * not spki_write()'s: one key has one). What the parts say is not looked at.
 */
MUST_CHECK CK_RV spki_read(struct bytes der, struct spki *ret);
/* Appends; look at @ret->failed. */
void spki_write(const struct spki *spki, struct buffer *ret);
