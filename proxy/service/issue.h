/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issue.h - a certificate by one of the deployment's own authorities.
 *
 * Whoever calls has decided that this public key may have this name: here nobody asks any more. What was issued is a
 * row of its own in the store, so that it can be revoked and is told of before it ends.
 */
#pragma once

#include <openssl/types.h>

#include "include/bytes.h"
#include "proxy/service/service.h"

#define ISSUE_CHAIN_LEN 2 /* the certificate, then its authority's */
#define ISSUE_DAYS_MAX  3650
#define ISSUE_NAMES_MAX 1024 /* bytes of alternative names */

struct issue_request {
    enum issue_profile profile; /* says which authority, which key usage */
    const char *owner;          /* the user or principal it is for: a valid name */
    int64_t token_id;           /* of a user: revoked with the token; 0: none */
    EVP_PKEY *public_key;
    const X509_NAME *subject;
    const char *alt_names; /* "DNS:sign.example.org,IP:192.0.2.1,email:ann@example.org"; NULL: none */
    unsigned days;         /* 1 to ISSUE_DAYS_MAX; ends with the authority's certificate at the latest */
    int64_t latest_ms;     /* nor after this; 0: no such limit */
};

/*
 * Issues, and writes the row: inside the caller's transaction if there is one. @ret_chain: DER, appended;
 * @ret_row may be NULL. Public keys: EC of P-256 to P-521, RSA of 2048 bits and more, Ed25519.
 * Errors: REASON_NO_AUTHORITY (the deployment has no such authority), REASON_MALFORMED (names, days, a weak key),
 * REASON_HSM, REASON_STORE, REASON_BUSY, REASON_INTEGRITY, REASON_INTERNAL.
 */
MUST_CHECK enum reason issue_certificate(struct service *service, const struct issue_request *request,
                                         int64_t now_ms, struct buffer ret_chain[ISSUE_CHAIN_LEN],
                                         struct issued_row *ret_row);
