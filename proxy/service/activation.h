/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.h - the one-time code that proves a user before there is a PIN.
 *
 * 128 random bits, shown once to the operator who adds the user; the token row holds only
 * HMAC(Kcheck, context("privyseal v1 activation", realm, token, code)) and a time until which it is good.
 */
#pragma once

#include "proxy/service/service.h"

/* Errors: REASON_MALFORMED (length of @code), REASON_HSM, REASON_INTERNAL. */
MUST_CHECK enum reason activation_hmac(struct service *service, const char *token, struct bytes code,
                                       uint8_t ret[HASH_LEN]);
/* Errors: REASON_CODE_INCORRECT (wrong, used or expired: all look the same), and as above. */
MUST_CHECK enum reason activation_check(struct service *service, const struct token_row *token,
                                        struct bytes code, int64_t now_ms);
