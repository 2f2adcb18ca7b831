/* SPDX-License-Identifier: Apache-2.0 */
/* authority.h - throwaway certificates: an authority and what it issues, made by the test that needs them. */
#pragma once

#include <openssl/ssl.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

struct authority authority_new(const char *name);
void authority_free(struct authority *authority);

enum issue { ISSUE_SERVER, ISSUE_CLIENT, ISSUE_EXPIRED_CLIENT };

/* A P-256 key and a certificate for @name (a server's is for 127.0.0.1 and localhost). The caller frees both. */
void authority_issue(const struct authority *authority, const char *name, enum issue issue,
                     EVP_PKEY **ret_key, X509 **ret_certificate);

/* A memory BIO with the PEM form; the caller frees it. */
BIO *pem_of_certificate(X509 *certificate);
BIO *pem_of_key(EVP_PKEY *key);
