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
    struct bytes code, ticket;     /* of the second factor; empty: none */
    struct bytes next_s;           /* what the PIN is changed to, STRETCHED_PIN_LEN; empty: it is not */
};

/* How the second factor is met (factor_way.h). */
enum factor_way_kind {
    FACTOR_WAY_NONE,    /* none is asked for */
    FACTOR_WAY_CODE,    /* checked together with the PIN */
    FACTOR_WAY_TICKET,  /* checked, and good */
    FACTOR_WAY_REQUEST, /* the PIN alone: a code is sent, if it is right */
    FACTOR_WAY_ENROL,   /* to be enrolled: what opens serves that alone */
};
struct factor_way {
    enum factor_way_kind kind;
    enum second_factor factor;
    int64_t ticket_ends_ms; /* of the ticket that was given, or may be */
};

/* An authorised token: close with opened_clear(), or take the custody token out. */
struct opened {
    const struct custody_ops *custody;
    struct custody_token *token;
    struct factor_way way;
};

void opened_clear(struct opened *opened);
DEFINE_CLEAR(opened_clear, struct opened);

/*
 * Decides @proof for call->token, which becomes the row as it is stored after the attempt. PIN and code have one answer:
 * both are checked, and nothing tells which was wrong.
 * Errors: REASON_MALFORMED, REASON_NOT_PERMITTED (meant for another certificate), REASON_PIN_NOT_SET, _CHANGED,
 * _LOCKED, _DELAYED, _INCORRECT (tries_left, retry_after_ms are in call->failure), REASON_DISABLED, REASON_BUSY,
 * REASON_INTEGRITY, REASON_STORE, REASON_HSM; REASON_CODE_REQUIRED, _CODE_SENT_IF_RIGHT (factor_way.h).
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
