/* SPDX-License-Identifier: Apache-2.0 */
/* put_certificate.h - a certificate beside its key on a token, whoever issued it and whoever puts it there. */
#pragma once

#include <openssl/types.h>

#include "proxy/service/service.h"

/*
 * The token's key with this public key, its row's MAC checked.
 * Errors: REASON_CERT_MISMATCH (it has none), REASON_MALFORMED, REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason key_of_public_key(struct service *service, int64_t token_id, EVP_PKEY *public_key,
                                         struct key_row *ret);
/* The key's certificate, then its issuer's, and so on; @count from 1 to CERTIFICATES_MAX. A root is left out. */
struct certificate_chain {
    const struct bytes *ders;
    size_t count;
};

/*
 * Inside a change of the token. @label: "" takes the key's. @ret (may be NULL): the row, for certificate_row_clear().
 * Errors: REASON_MALFORMED (the label; one did not sign the other), REASON_STORE, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason put_certificate(struct service *service, const struct key_row *key,
                                       const struct certificate_chain *chain, const char *label,
                                       int64_t now_ms, struct certificate_row *ret);
