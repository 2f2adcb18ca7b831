/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket.h - that a second factor was given a while ago, by this certificate: so a fail-over does not ask for another.
 *
 *     ticket = end (8 bytes, Unix milliseconds) | HMAC(Krow, context("privyseal v1 ticket", realm, token's serial number,
 *              certificate hash, kind of factor, PIN version, factor version, end))
 *
 * It is kept by the client and nowhere else, and good at every signer that has the HSM's keys. It stands for the code
 * only: the stretched PIN is asked for beside it. It ends with its time, with a change of the PIN or of the factor; and
 * a certificate that was revoked is nobody's, whatever it presents.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/limits.h"
#include "proxy/store/store.h"

struct access;

_Static_assert(TICKET_LEN == 8 + HASH_LEN, "as proto/limits.h has it");

/* For @token as it is now. Errors: REASON_HSM, REASON_INTERNAL. */
MUST_CHECK enum reason ticket_make(struct access *access, const struct token_row *token,
                                   const uint8_t certificate[HASH_LEN], int64_t ends_ms,
                                   uint8_t ret[TICKET_LEN]);
/* Errors: REASON_CODE_REQUIRED (not one of ours, or no longer good), REASON_HSM, REASON_INTERNAL. */
MUST_CHECK enum reason ticket_check(struct access *access, const struct token_row *token,
                                    const uint8_t certificate[HASH_LEN], struct bytes ticket, int64_t now_ms,
                                    int64_t *ret_ends_ms);
