/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - the authority in files: the root, and what has to be certified before there is a server or beside it.
 *
 *   root.pem   trusted by clients and signers; signs only authorities
 *   tls.pem    the first server's and the first operator's certificates (extended key usage: TLS server, TLS client)
 *   seal.pem   sealing certificates (extended key usage: SEAL_EKU_OID)
 *
 * The authorities whose keys are in the HSM (ca_certify()) issue the rest: certificates of devices, of servers, and of
 * users' signing keys. None can stand in for another: its own extended key usage limits what chains through it (checked
 * by us for sealing, by OpenSSL and NSS for the rest). Keys are files (0600) in a directory (0700), meant to be moved
 * off the server. Source: RFC 5280 4.1, 4.2.
 */
#pragma once

#include <openssl/x509.h>

#include "include/bytes.h"
#include "include/cleanup.h"

enum ca_profile { CA_PROFILE_SERVER, CA_PROFILE_CLIENT, CA_PROFILE_SEAL, CA_PROFILE_OFFICER, CA_PROFILES };
enum ca_hsm_issuer { CA_HSM_DEVICE, CA_HSM_DOCUMENT };

/* Errors of all: -errno with a sentence in @why (caller frees). */
/* Makes root and issuers in @directory, which must not hold a root yet (-EEXIST). */
MUST_CHECK int ca_create(const char *directory, const char *realm, char **why);

struct ca_request {
    enum ca_profile profile;
    EVP_PKEY *public_key;
    const X509_NAME *subject;
    const char *alt_names; /* "DNS:localhost,IP:127.0.0.1" or NULL */
    unsigned days;
};

/* Issues and appends leaf and issuer as PEM to @ret_pem; @ret_certificate may be NULL. */
MUST_CHECK int ca_issue(const char *directory, const struct ca_request *request, struct buffer *ret_pem,
                        X509 **ret_certificate, char **why);

/* The root certifies an authority whose key is in the HSM; appends its certificate as PEM. */
MUST_CHECK int ca_certify(const char *directory, const char *realm, enum ca_hsm_issuer which,
                          EVP_PKEY *public_key, struct buffer *ret_pem, char **why);

/* A P-256 key in a new file of mode 0600 (-EEXIST when there is one). */
MUST_CHECK int ca_make_key_file(const char *path, EVP_PKEY **ret, char **why);
/* Writes @content to a new file with @mode; replaces an old one at once (rename). */
MUST_CHECK int ca_write_file(const char *path, unsigned mode, struct bytes content, char **why);
