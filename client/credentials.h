/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials.h - the client's certificate and key and the deployment's roots, as read from their files.
 *
 * Immutable and reference-counted: a connection keeps those it was made with, and a rotated file makes new ones.
 */
#pragma once

#include <openssl/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "client/config.h"
#include "include/bytes.h"
#include "proto/limits.h"

struct credentials {
    atomic_uint references;
    SSL_CTX *tls;        /* with certificate, key and roots */
    struct stat seen[3]; /* of the files, when they were read */
    uint8_t certificate_hash[HASH_LEN];
};

/*
 * @identity NULL: no certificate is presented, as at the enrolment listener. Only then may the deployment's ca be NULL
 * too: whoever answers is taken. Errors: -errno, -EBADMSG, with a sentence in @why (caller frees).
 */
MUST_CHECK int credentials_load(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                                const struct identity_config *identity, struct credentials **ret, char **why);
struct credentials *credentials_ref(struct credentials *credentials);
void credentials_unref(struct credentials *credentials);
DEFINE_CLEANUP(credentials_unref, struct credentials *);
/* Whether a file is another one now. A file that has gone is not: we go on with what we have. */
bool credentials_are_outdated(const struct credentials *credentials,
                              const struct deployment_config *deployment,
                              const struct identity_config *identity);
