/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - SHA-2, HMAC-SHA256 and HKDF-SHA256 in a given OpenSSL library context. */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "proto/limits.h"

/*
 * @libctx: NULL in our own programs; the module's private one inside a host.
 * Errors of all: -EIO (OpenSSL failed), -ENOMEM, -EINVAL (over SECRET_MAX).
 */
MUST_CHECK int digest_sha256(OSSL_LIB_CTX *libctx, struct bytes input, uint8_t ret[HASH_LEN]);
/* Of @parts, one behind the other; for what is not to be copied together first. */
MUST_CHECK int digest_sha256_parts(OSSL_LIB_CTX *libctx, const struct bytes *parts, size_t count,
                                   uint8_t ret[HASH_LEN]);
MUST_CHECK int digest_hmac(OSSL_LIB_CTX *libctx, struct bytes key, struct bytes input, uint8_t ret[HASH_LEN]);
/* RFC 5869, both steps; @salt may be empty. */
MUST_CHECK int digest_hkdf(OSSL_LIB_CTX *libctx, struct bytes ikm, struct bytes salt, struct bytes info,
                           size_t len, struct secret **ret);
/* Its steps alone, for HPKE: extract gives HASH_LEN bytes, which are expand's @prk. */
MUST_CHECK int digest_hkdf_extract(OSSL_LIB_CTX *libctx, struct bytes salt, struct bytes ikm,
                                   struct secret **ret);
MUST_CHECK int digest_hkdf_expand(OSSL_LIB_CTX *libctx, struct bytes prk, struct bytes info, size_t len,
                                  struct secret **ret);
