/* SPDX-License-Identifier: Apache-2.0 */
/*
 * factor_way.h - how a login meets the second factor that is asked for, decided before its PIN is looked at.
 *
 * So nothing here tells whether a PIN is right: a missing code, a ticket that ended and a pause between two codes are
 * said to everybody alike, and cost no attempt.
 */
#pragma once

#include "proxy/service/pin_proof.h"

/* Errors: REASON_CODE_REQUIRED, _CODE_SENT_IF_RIGHT (too soon after the last: retry_after_ms), _MALFORMED,
 * _UNAVAILABLE (codes are sent, and there is no herald), _INTEGRITY, _STORE, _BUSY, _HSM, _INTERNAL. */
MUST_CHECK enum reason factor_way_find(struct service *service, struct call *call,
                                       const struct pin_proof *proof, struct factor_way *ret);
/*
 * A ticket for a code that was given, or (@is_renewed) for a ticket whose token changed since; @token as it is now. Leaves
 * @field empty where there is nothing to give. Errors: REASON_HSM, _INTERNAL.
 */
MUST_CHECK enum reason factor_way_ticket(struct service *service, const struct call *call,
                                         const struct token_row *token, const struct factor_way *way,
                                         bool is_renewed, ProtobufCBinaryData *field);
