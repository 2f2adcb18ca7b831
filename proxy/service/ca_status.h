/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_status.h - what is good and what is revoked, as a signer keeps it in memory: read again when the authority's row
 * has changed, which costs one look into the store a question and nothing of the HSM.
 */
#pragma once

#include "proxy/service/service.h"

#define OCSP_SLOTS                                                                                           \
    256 /* answers kept, of about a kilobyte each; what meets in a slot replaces what was there */

struct ocsp_slot {
    uint8_t question[HASH_LEN]; /* SHA-256 of the CertID asked for */
    struct buffer answer;
    int64_t until_ms;
};

struct ca_status {
    bool is_read;
    struct authority_row row;
    struct issued_row *revoked; /* by serial number */
    size_t revoked_count;
    struct buffer crl; /* DER; the number it was read under is row.crl_number's */
    uint64_t crl_number;
    struct ocsp_slot slots[OCSP_SLOTS];
};

MUST_CHECK int ca_status_new(struct ca_status **ret);
void ca_status_free(struct ca_status *status);

/*
 * Brings ca->status up to date. Outside of a transaction. Errors: REASON_INTEGRITY (something was put back or altered),
 * REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason ca_status_refresh(struct service *service, const struct ca *ca);
/* NULL: it is not revoked. After ca_status_refresh(). */
const struct issued_row *ca_status_revoked(const struct ca_status *status,
                                           const uint8_t serial[ISSUED_SERIAL_LEN]);
/* The latest list, a new one if need be; ends at @ret_until_ms. Lent. Errors: as above. */
MUST_CHECK enum reason ca_status_crl(struct service *service, const struct ca *ca, int64_t now_ms,
                                     struct bytes *ret, int64_t *ret_until_ms);
/* An OCSP answer (RFC 6960) to @request, appended. Errors: as above; what is no request gets an answer that says so. */
MUST_CHECK enum reason ca_status_ocsp(struct service *service, struct bytes request, int64_t now_ms,
                                      struct buffer *ret, int64_t *ret_until_ms);
