/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.h - the one-time code that proves a user before there is a PIN.
 *
 * 128 random bits, shown once to the operator who adds the user; the token row holds only
 * HMAC(Kcheck, context("privyseal v1 activation", realm, token, code)) and a time until which it is good.
 */
#pragma once

#include "proxy/service/service.h"

#define ACTIVATION_HOURS_MAX 2160 /* ninety days: a code that nobody used is a door left ajar */

/* Errors: REASON_MALFORMED (length of @code), REASON_HSM, REASON_INTERNAL. */
MUST_CHECK enum reason activation_hmac(struct service *service, const char *token, struct bytes code,
                                       uint8_t ret[HASH_LEN]);
/* Errors: REASON_CODE_INCORRECT (wrong, used or expired: all look the same), and as above. */
MUST_CHECK enum reason activation_check(struct service *service, const struct token_row *token,
                                        struct bytes code, int64_t now_ms);
/* Until when a code made now is good. @hours 0: a week. Errors: REASON_MALFORMED (too many). */
MUST_CHECK enum reason activation_until(int64_t now_ms, uint32_t hours, int64_t *ret_ms);
