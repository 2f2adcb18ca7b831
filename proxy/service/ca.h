/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - the deployment's own authorities: a certificate each, by the root, and the key in the HSM.
 *
 * A deployment may have either, both or none. Their certificates bound what they can do: path length zero, and the
 * extended key usages of what they issue.
 */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "proxy/store/store.h"

struct service;

#define CA_URL_MAX 256

struct ca {
    enum authority authority;
    const char *name;  /* "device", "document": in URLs and records */
    X509 *certificate; /* NULL: this deployment has no such authority */
    EVP_PKEY *key;
    struct buffer der;        /* of the certificate */
    struct ca_status *status; /* what is revoked; NULL without a certificate */
    /* What its certificates say about where to ask; "" without [ca] url. */
    char ocsp_url[CA_URL_MAX], crl_url[CA_URL_MAX], issuer_url[CA_URL_MAX];
};

/*
 * Opens those that the configuration names, and checks that each certificate is for the HSM's key.
 * @why: a sentence, caller frees. Errors: negative errno.
 */
MUST_CHECK int ca_open_all(struct service *service, char **why);
void ca_clear(struct ca *ca);
/* NULL: there is none. */
const struct ca *ca_find(const struct service *service, enum authority authority);
