/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - an object of a token as PKCS#11 shows it: everything public that is known of a key, a
 * certificate or a profile. The runs of bytes are lent by the object_set that the object belongs to; all of
 * it is immutable.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "proto/public_key.h"

/* Which attributes an object has: one bit each, so that a row of the attribute table can name several. */
enum object_kind {
    PRIVATE_RSA = 1,
    PRIVATE_EC = 2, /* CKK_EC and CKK_EC_EDWARDS: the same attributes */
    PUBLIC_RSA = 4,
    PUBLIC_EC = 8,
    CERTIFICATE = 16,
    PROFILE = 32,
    SECRET_KEY = 64, /* a session object, with its value: secret_object.h */
};

#define OBJECT_UNIQUE_LEN 44 /* kind in two hexadecimal digits, a dash, 40 digits, NUL */

struct object {
    CK_OBJECT_HANDLE handle;
    enum object_kind kind;
    CK_OBJECT_CLASS class;
    CK_BBOOL is_private;      /* seen after login only */
    uint8_t digest[HASH_LEN]; /* SHA-256 of the key, of the certificate: the same object in every snapshot */

    struct bytes id, label, subject;
    char unique_id_text[OBJECT_UNIQUE_LEN];
    struct bytes unique_id; /* unique_id_text */

    /* keys */
    CK_KEY_TYPE key_type;
    CK_MECHANISM_TYPE generated_by;
    struct bytes allowed_mechanisms; /* an array of CK_MECHANISM_TYPE */
    CK_DATE start, end;
    struct bytes start_date, end_date; /* of them; empty: not limited */
    struct bytes public_key_info;      /* DER SubjectPublicKeyInfo; of certificates too */
    CK_ULONG modulus_bits;
    struct bytes modulus, public_exponent;
    struct bytes ec_params, ec_point;
    const struct public_key *public_key;
    Privyseal__V1__KeyUsage usage;
    /* As attributes. Of the public half: verifies, encrypts, recovers. */
    CK_BBOOL signs, decrypts, derives, recovers, always_authenticate;

    /* certificates */
    CK_CERTIFICATE_TYPE certificate_type;
    CK_ULONG certificate_category;
    struct bytes value, issuer, serial_number;

    /* secret keys; their value is above */
    CK_BBOOL is_sensitive, is_extractable;
    CK_ULONG value_len;

    /* profiles */
    CK_ULONG profile_id;
};
