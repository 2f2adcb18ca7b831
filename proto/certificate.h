/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - reading X.509 and checking chains, without the system's trust and without openssl.cnf.
 *
 * Source: RFC 5280 6.1 (path validation, by OpenSSL), 4.2.1.12 (extended key usage).
 */
#pragma once

#include <openssl/types.h>
#include <openssl/safestack.h>
#include <openssl/x509.h>

#include "include/bytes.h"
#include "proto/limits.h"

/*
 * Extended key usage of a sealing certificate and of its issuer. An arc under 2.25 (X.667, from a UUID) needs no
 * registration: 2.25.192446180362405938291712263389914113281.
 */
#define SEAL_EKU_OID "2.25.192446180362405938291712263389914113281"
/* And of an officer, who holds shares of users' tokens, and of the officers' issuer. */
#define OFFICER_EKU_OID "2.25.126350554952873987660100458852384023015"

/* Errors: -EBADMSG (not a certificate, or trailing bytes, or over CERTIFICATE_MAX), -ENOMEM. */
MUST_CHECK int certificate_parse(OSSL_LIB_CTX *libctx, struct bytes der, X509 **ret);
/* SHA-256 of the DER form. */
MUST_CHECK int certificate_hash(OSSL_LIB_CTX *libctx, X509 *certificate, uint8_t ret[HASH_LEN]);
/* Reads all certificates of a PEM file. Errors: -errno, -EBADMSG. */
MUST_CHECK int certificate_load_file(OSSL_LIB_CTX *libctx, const char *path, STACK_OF(X509) **ret);
/* A trust store holding just the certificates of a PEM file. */
MUST_CHECK int certificate_trust_file(OSSL_LIB_CTX *libctx, const char *path, X509_STORE **ret);

enum certificate_use { CERTIFICATE_CLIENT, CERTIFICATE_SERVER, CERTIFICATE_SEAL, CERTIFICATE_OFFICER };

/*
 * Checks chain[0] against @trust for @use at @now_unix (0: now). For CERTIFICATE_SEAL both leaf and its issuer must
 * carry SEAL_EKU_OID, for CERTIFICATE_OFFICER OFFICER_EKU_OID. Errors: -EACCES with a sentence in @why (static text).
 */
MUST_CHECK int certificate_check(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                                 enum certificate_use use, uint64_t now_unix, const char **why);
/* Parses a list of DER certificates as the wire has them, at most CERTIFICATES_MAX. */
MUST_CHECK int certificate_parse_chain(OSSL_LIB_CTX *libctx, const struct bytes *ders, size_t count,
                                       STACK_OF(X509) **ret);
/* Checks a sealing chain and takes out its X25519 public key. Errors: -EACCES, -EBADMSG. */
MUST_CHECK int certificate_seal_key(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                                    uint8_t ret[32], const char **why);
/* The same of an officer's chain. */
MUST_CHECK int certificate_officer_key(OSSL_LIB_CTX *libctx, const STACK_OF(X509) *chain, X509_STORE *trust,
                                       uint8_t ret[32], const char **why);
static inline void certificate_free_stack(STACK_OF(X509) *stack)
{
    sk_X509_pop_free(stack, X509_free);
}
DEFINE_CLEANUP(X509_free, X509 *);
DEFINE_CLEANUP(X509_STORE_free, X509_STORE *);
DEFINE_CLEANUP(certificate_free_stack, STACK_OF(X509) *);
