/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aead.h - AES-256-GCM in a given OpenSSL library context.
 *
 * OpenSSL 3.0 looks a cipher up by its name each time it is asked, under locks, and allocates a context with six more
 * pieces for a message. Who has many messages keeps a desk: a context to work in again. Between two messages it holds
 * a key of zeros, as keys rest in struct secret alone.
 *
 * Source:  NIST SP 800-38D (Galois/Counter Mode).
 * Threads: any at one desk; who finds it taken works in a context for the occasion.
 */
#pragma once

#include <stdatomic.h>
#include <openssl/types.h>

#include "include/bytes.h"
#include "include/secret.h"

#define AEAD_KEY_LEN   32
#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN   16

struct aead_desk {
    OSSL_LIB_CTX *libctx;
    _Atomic(EVP_CIPHER_CTX *) resting; /* NULL: none yet, or somebody works in it */
};

void aead_desk_init(struct aead_desk *desk, OSSL_LIB_CTX *libctx);
void aead_desk_clear(struct aead_desk *desk);
DEFINE_CLEAR(aead_desk_clear, struct aead_desk);

/*
 * @libctx: NULL in our own programs; the module's private one inside a host. Ciphertext and tag are appended to @ret.
 * Errors of all: -EIO (OpenSSL failed), -ENOMEM, -EINVAL (a key or nonce of another length, or over SECRET_MAX).
 */
MUST_CHECK int aead_seal(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
                         struct bytes plaintext, struct buffer *ret);
MUST_CHECK int aead_desk_seal(struct aead_desk *desk, struct bytes key, struct bytes nonce, struct bytes aad,
                              struct bytes plaintext, struct buffer *ret);
/* Errors: -EBADMSG (not authentic) as well. */
MUST_CHECK int aead_open(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes nonce, struct bytes aad,
                         struct bytes ciphertext, struct secret **ret);
MUST_CHECK int aead_desk_open(struct aead_desk *desk, struct bytes key, struct bytes nonce, struct bytes aad,
                              struct bytes ciphertext, struct secret **ret);
