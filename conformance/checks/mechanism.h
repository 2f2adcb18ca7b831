/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism.h - the signature mechanisms of conformance/mechanisms.def, their parameters, and their judge: OpenSSL.
 *
 * Source: PKCS#11 v3.1 6.1.8 (PKCS #1 v1.5 RSA), 6.1.10 (PKCS #1 RSA PSS), 6.3.12 (ECDSA without hashing).
 */
#pragma once

#include <stdbool.h>

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>

enum scheme { PKCS1, RAW_RSA, PSS, EC_RS, EDWARDS };

struct mechanism {
    CK_MECHANISM_TYPE type;
    const char *name;
    CK_KEY_TYPE key_type;
    const char *digest; /* NULL: the caller hashes */
    enum scheme scheme;
};

extern const struct mechanism mechanisms[];
extern const size_t mechanism_count;

/* The mechanism of that type, or NULL. */
const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

/* A parameter of either kind, so that a caller can keep it where the CK_MECHANISM points. */
struct mechanism_use {
    CK_MECHANISM ck;
    CK_RSA_PKCS_PSS_PARAMS pss;
};

/* Fills @use: no parameter, or for PSS the mechanism's digest (SHA-256 if it has none) and @salt_len. */
void mechanism_use_init(struct mechanism_use *use, const struct mechanism *mechanism, CK_ULONG salt_len);

/* The size in bytes of the digest that goes into a signature by @mechanism. */
CK_ULONG mechanism_digest_len(const struct mechanism *mechanism);

/*
 * Makes @data something that @mechanism signs: for a mechanism that hashes any message will do, the others get a
 * DigestInfo, a digest, or (RAW_RSA) a number below the modulus, of @signature_len bytes. Returns its length.
 */
CK_ULONG mechanism_fit(const struct mechanism *mechanism, CK_BYTE *data, CK_ULONG len,
                       CK_ULONG signature_len);

/* Whether OpenSSL takes @signature for one of @data by @key. */
bool signature_verifies(EVP_PKEY *key, const struct mechanism_use *use, const CK_BYTE *data,
                        CK_ULONG data_len, const CK_BYTE *signature, CK_ULONG signature_len);
