/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_codes.h - the one code that may enrol a further device of a user.
 *
 * In the principal's row: HMAC(Kcheck, C("privyseal v1 device code", realm, user, code_proof)), a time, and what the
 * code brings along. A newer code takes the place of an older one. Used, it is gone with the same change of the row
 * that holds the new device; so an old row put back is an old sequence.
 */
#pragma once

#include "proxy/service/service.h"

/*
 * Whether @proof is that of @principal's code, now. Makes the same one call to the HSM for any answer.
 * Errors: REASON_MALFORMED (its length), REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason device_code_check(struct service *service, const struct principal_row *principal,
                                         struct bytes proof, int64_t now_ms, bool *ret_is_right);
/* No code from now on; the caller saves the row. */
void device_code_forget(struct principal_row *principal);
