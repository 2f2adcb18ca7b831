/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin.h - the salt of a PIN and the value that tells a right one, both by the HSM.
 *
 * Without the HSM neither can be computed, so a stolen database tests no PIN. Neither key rotates: the salt would
 * change every PIN's S, and no row names the epoch of its check value.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

#define PIN_KEY_EPOCH 1 /* of Ksalt and Kcheck */

/* salt = HMAC(Ksalt, context(realm, token name)): also for a token that does not exist. Errors: REASON_HSM. */
MUST_CHECK enum reason pin_salt(struct access *access, const char *token, uint8_t ret[SALT_LEN]);
/*
 * check = HMAC(Kcheck, context(realm, token, row, version, S)) under a label of the row's kind: of a PIN, a recovery
 * code, a quorum. @s is STRETCHED_PIN_LEN bytes.
 * Errors: REASON_MALFORMED (another length), REASON_INTEGRITY (no such kind), REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason pin_check_value(struct access *access, const struct token_row *token,
                                       const struct access_row *row, struct bytes s, uint8_t ret[HASH_LEN]);
