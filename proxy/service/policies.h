/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policies.h - what a token's policy says to a call. Every question is asked of the row under its MAC: a lease's is at
 * most as old as its last recheck, so a stricter policy is in force everywhere within seconds.
 */
#pragma once

#include "proxy/service/service.h"

/* For a reply. NULL: out of memory. */
Privyseal__V1__TokenPolicy *policy_message(const struct token_policy *policy);
/* Whether keys may be used so. Errors: REASON_POLICY_USAGE, REASON_POLICY_MECHANISM. */
MUST_CHECK enum reason policy_of_use(const struct token_row *token, enum key_usage usage,
                                     CK_MECHANISM_TYPE mechanism);
/* Whether the call's token may use a key just now. Errors: REASON_BUSY (too often: [limits] token_rate). */
MUST_CHECK enum reason policy_take_turn(struct service *service, struct call *call);
/* The same, and one use in the call's lease. Errors besides: REASON_POLICY_SPENT (there is none left). */
MUST_CHECK enum reason policy_count_use(struct service *service, struct call *call);
/*
 * Whether a key may be made, and would then be of use, by the row as it is now: the permit may be seconds old.
 * Errors: REASON_POLICY_USAGE, REASON_POLICY_PERMIT, those of token_reload().
 */
MUST_CHECK enum reason policy_of_new_key(struct service *service, const struct call *call,
                                         enum key_usage usage);
/*
 * Whether the call's token may make a key just now. To make one takes a signer seconds, in which it serves nobody else:
 * ten minutes of them a token may have at once, and then a tenth of the time. Errors: REASON_LIMIT.
 */
MUST_CHECK enum reason policy_check_making(struct service *service, struct call *call);
/* It took @spent_us. */
void policy_owe_making(struct service *service, const struct call *call, uint64_t spent_us);
/* Uses up a permit, in the transaction that stores the key. Errors: REASON_POLICY_PERMIT. */
MUST_CHECK enum reason policy_take_permit(struct token_row *token);
