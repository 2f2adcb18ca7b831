/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpke.h - HPKE, base mode, single shot, with export.
 *
 * Suite: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002.
 * Source: RFC 9180 4.1 (DHKEM), 5.1.1 (base mode), 5.2 (encryption), 5.3 (secret export), 7.1.3 (DeriveKeyPair).
 */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "include/secret.h"

#define HPKE_KEY_LEN 32 /* X25519, private and public; also the encapsulated key */

/* The secret that request and reply share; from it come the keys of the reply. */
struct hpke_shared {
    struct secret *exporter_secret;
};

void hpke_shared_clear(struct hpke_shared *shared);
DEFINE_CLEAR(hpke_shared_clear, struct hpke_shared);

/* RFC 9180 7.1.3: a key pair from @ikm (at least 32 bytes). */
MUST_CHECK int hpke_derive_key_pair(OSSL_LIB_CTX *libctx, struct bytes ikm, struct secret **ret_private,
                                    uint8_t ret_public[HPKE_KEY_LEN]);
/*
 * Seals @plaintext to @recipient. @test_ephemeral is the ikm of the ephemeral key in tests; empty: random.
 * @ret_ciphertext is appended to. Errors: -EINVAL (a public key that gives an all-zero secret), -EIO.
 */
MUST_CHECK int hpke_seal(OSSL_LIB_CTX *libctx, struct bytes recipient, struct bytes info, struct bytes aad,
                         struct bytes plaintext, struct bytes test_ephemeral, uint8_t ret_enc[HPKE_KEY_LEN],
                         struct buffer *ret_ciphertext, struct hpke_shared *ret_shared);
/* Errors: -EBADMSG (not authentic), -EINVAL, -EIO. */
MUST_CHECK int hpke_open(OSSL_LIB_CTX *libctx, struct bytes private_key, struct bytes enc, struct bytes info,
                         struct bytes aad, struct bytes ciphertext, struct secret **ret_plaintext,
                         struct hpke_shared *ret_shared);
/* RFC 9180 5.3. */
MUST_CHECK int hpke_export(OSSL_LIB_CTX *libctx, const struct hpke_shared *shared,
                           struct bytes exporter_context, size_t len, struct secret **ret);
