/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_proof.h - from a stretched PIN to an authorised token: the one place where a PIN is decided.
 *
 * The attempt is reserved, committed, before anything is compared, and settled after. What could not be checked is
 * given back; what was wrong counts, whatever else fails.
 */
#pragma once

#include "proxy/service/service.h"

/* What the sealed message presents; borrowed from it. */
struct pin_proof {
    uint32_t pin_version;
    struct bytes s;                /* STRETCHED_PIN_LEN */
    struct bytes certificate_hash; /* of the certificate it was meant to come with */
};

/* An authorised token: close with opened_clear(), or take the custody token out. */
struct opened {
    const struct custody_ops *custody;
    struct custody_token *token;
};

void opened_clear(struct opened *opened);
DEFINE_CLEAR(opened_clear, struct opened);

/*
 * Decides @proof for call->token, which becomes the row as it is stored after the attempt.
 * Errors: REASON_MALFORMED, REASON_NOT_PERMITTED (meant for another certificate), REASON_PIN_NOT_SET, _CHANGED,
 * _LOCKED, _DELAYED, _INCORRECT (tries_left, retry_after_ms are in call->failure), REASON_DISABLED, REASON_BUSY,
 * REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason pin_proof_open(struct service *service, struct call *call,
                                      const struct pin_proof *proof, struct opened *ret);
/* Fills a PIN row of @token under @s (but nonce and sealed, which custody makes). */
MUST_CHECK enum reason pin_row_name(struct service *service, const struct token_row *token, uint32_t version,
                                    struct access_row *ret);
/* Its check value and MAC, once custody has filled it. */
MUST_CHECK enum reason pin_row_finish(struct service *service, const struct token_row *token, struct bytes s,
                                      struct access_row *row);
/* Whether the sealed message was meant for the certificate that the front says it came with. */
MUST_CHECK enum reason pin_check_certificate(const struct call *call, struct bytes certificate_hash);
