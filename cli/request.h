/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - certificate requests (PKCS#10): for a device's key in a file, or for a key that only a token
 * can use.
 */
#pragma once

#include <openssl/x509.h>

#include "cli/cli.h"

/* A request signed by @key. Errors: -EIO. */
MUST_CHECK int request_of_key(EVP_PKEY *key, const X509_NAME *subject, X509_REQ **ret);
/*
 * A request for a key of the logged-in cli->token, signed there: proof that its owner was present. RFC 2986
 * 4.2.
 */
MUST_CHECK enum cli_exit request_of_token(struct cli *cli, const Privyseal__V1__KeyInfo *key,
                                          const X509_NAME *subject, X509_REQ **ret);
/* PEM, to @path or standard output (NULL). */
MUST_CHECK enum cli_exit request_write(struct cli *cli, const char *path, X509_REQ *request);
/* Reads one and checks its signature: whoever made it holds the key. */
MUST_CHECK enum cli_exit request_read(struct cli *cli, const char *path, X509_REQ **ret);
DEFINE_CLEANUP(X509_REQ_free, X509_REQ *);
