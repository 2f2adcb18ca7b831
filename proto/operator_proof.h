/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operator_proof.h - SignedRequest: a request signed by the principal's certificate key.
 *
 * Signed (ECDSA or RSA-PSS with SHA-256, Ed25519 as it is): context("privyseal v1 operator", realm, method path,
 * SHA-256(body), challenge, expires). The signer checks the chain itself: what the front says counts for nothing.
 */
#pragma once

#include <openssl/x509.h>
#include <stdint.h>

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"

/* Client: appends a serialized SignedRequest. @chain: STACK_OF(X509), the principal's certificate first. */
MUST_CHECK int operator_proof_make(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                                   struct bytes challenge, struct bytes body, uint64_t expires_unix,
                                   EVP_PKEY *key, const STACK_OF(X509) *chain, struct buffer *ret);
/*
 * Signer: checks @request against @trust (the roots that issue client certificates) at @now_unix, and gives the
 * SHA-256 of the principal's certificate. Errors: -EACCES (chain, signature, expiry), -EINVAL (malformed).
 */
MUST_CHECK int operator_proof_check(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                                    struct bytes challenge, const Privyseal__V1__SignedRequest *request,
                                    X509_STORE *trust, uint64_t now_unix,
                                    uint8_t ret_certificate_hash[HASH_LEN]);
