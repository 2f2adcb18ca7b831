/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism_use.h - which mechanisms a token offers, and whether a CK_MECHANISM is a proper one.
 *
 * A snapshot says which raw mechanisms the signers can do for the token; the module adds what it makes of
 * them by hashing first, and the digests, which need no token at all (proto/mechanism.h has the rows).
 * Source: PKCS#11 v3.1 5.5.5 (C_GetMechanismList), 5.5.6 (C_GetMechanismInfo), 6.1.10 (PKCS #1 RSA PSS).
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "proto/mechanism.h"
#include "proto/privyseal.pb-c.h"

#define MECHANISMS_MAX 64 /* rows of the table in proto/mechanism.c that one token can offer */

struct mechanism_list {
    CK_MECHANISM_TYPE type[MECHANISMS_MAX];
    size_t count;
};

/* In the order of the table: a hashing mechanism stands first, for pkcs11-tool --test takes the first. */
void mechanism_list_offered(const Privyseal__V1__Snapshot *snapshot, struct mechanism_list *ret);
/* Those of them that do with a key of @key_type what it is for: CKA_ALLOWED_MECHANISMS. */
void mechanism_list_allowed(const Privyseal__V1__Snapshot *snapshot, CK_KEY_TYPE key_type,
                            Privyseal__V1__KeyUsage usage, struct mechanism_list *ret);
/* The row of @type, if it is offered and has @use. Errors: CKR_MECHANISM_INVALID. */
MUST_CHECK CK_RV mechanism_offered(const Privyseal__V1__Snapshot *snapshot, CK_MECHANISM_TYPE type,
                                   enum mechanism_use use, const struct mechanism **ret);
void mechanism_describe(const struct mechanism *row, CK_MECHANISM_INFO *ret);

/*
 * Reads the parameter of @mechanism into @ret (which is initialized in any case) and checks it against a key
 * of @bits. Errors: CKR_MECHANISM_PARAM_INVALID, CKR_KEY_SIZE_RANGE.
 */
MUST_CHECK CK_RV mechanism_read_parameter(const struct mechanism *row, const CK_MECHANISM *mechanism,
                                          unsigned bits, Privyseal__V1__PssParameters *ret);
/*
 * The same of a mechanism that encrypts or decrypts, with a hash that the token has. *@ret_oaep: @memory, or NULL
 * where it takes none.
 * Source: v3.1 6.1.8 (PKCS #1 RSA OAEP).
 */
MUST_CHECK CK_RV mechanism_read_oaep(const Privyseal__V1__Snapshot *snapshot, const struct mechanism *row,
                                     const CK_MECHANISM *mechanism, Privyseal__V1__OaepParameters *memory,
                                     const Privyseal__V1__OaepParameters **ret_oaep);
