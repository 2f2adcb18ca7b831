/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover.h - what both ways to a new PIN share: recover_code.c by the recovery code, recover_officers.c by officers.
 *
 * The new S comes from the user both times, and is never stored.
 */
#pragma once

#include "proxy/service/change.h"
#include "proxy/service/pin_proof.h"

/*
 * What needs no secret to be refused. A locked PIN does not stand in the way: that is what recovery is for.
 * Errors: REASON_NOT_PERMITTED, REASON_PIN_NOT_SET, REASON_PIN_CHANGED, REASON_PIN_DELAYED (too many wrong codes).
 */
MUST_CHECK enum reason recover_check_standing(struct call *call, struct bytes certificate_hash,
                                              uint32_t pin_version);
/* Whether @secret is the one that @row opens to. Errors: REASON_HSM, REASON_INTEGRITY, REASON_MALFORMED, _INTERNAL. */
MUST_CHECK enum reason recover_check_value(struct service *service, const struct call *call,
                                           const struct access_row *row, struct bytes secret,
                                           bool *ret_is_right);
/* The token, opened by another row than the PIN's. Open logins would be in a partition's way. Errors: custody's. */
MUST_CHECK enum reason recover_open_by(struct service *service, const struct call *call,
                                       const struct access_row *row, struct bytes secret, struct opened *ret);
/* Errors: REASON_RECOVERY_INCORRECT, once it is stored; REASON_STORE, REASON_BUSY, REASON_HSM. */
MUST_CHECK enum reason recover_count_failure(struct service *service, struct call *call);
/* Wrong PINs before it are forgiven; what was proved to be no longer needed is gone. */
MUST_CHECK enum reason recover_forgive(struct service *service, struct change *change);
