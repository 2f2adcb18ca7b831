/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_code.h - what one device code is good for: a proof for the server, and a key that the server never has.
 *
 *     code_proof  = HKDF(code, info = C("privyseal v1 device code proof", realm, user))
 *     secret key  = HKDF(code, info = C("privyseal v1 device code secret", realm, user))
 *     sealed      = nonce, AES-256-GCM(secret key, device secret), aad = the info
 *
 * The code is 128 random bits, made and typed in at the ends. So a device secret goes from one device to another past
 * the server, which keeps and gives out what it cannot open. A recovery code carries one in the same way; what the
 * server gets of it is another secret:
 *
 *     S_r         = HKDF(code, info = C("privyseal v1 recovery code", realm, user))
 */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "proto/limits.h"

/* Errors of all: -EINVAL (a length), -EIO, -ENOMEM. */
MUST_CHECK int device_code_proof(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                                 struct secret **ret);
MUST_CHECK int device_code_seal(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                                struct bytes device_secret, struct buffer *ret);
/* STRETCHED_PIN_LEN bytes: a recovery code takes the place of a PIN that nobody has to stretch. */
MUST_CHECK int recovery_code_secret(OSSL_LIB_CTX *libctx, const char *realm, const char *user,
                                    struct bytes code, struct secret **ret);
/* Errors: also -EBADMSG (sealed under another code). */
MUST_CHECK int device_code_open(OSSL_LIB_CTX *libctx, const char *realm, const char *user, struct bytes code,
                                struct bytes sealed, struct secret **ret);
