/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what a permission asks of a caller: a role, a grant, a token that is enabled.
 *
 * Roles are kept apart: an operator's certificate uses no token, a device's operates nothing.
 */
#pragma once

#include <stdbool.h>

#include "proto/failure.h"
#include "proto/method.h"
#include "proxy/store/store.h"

struct access;
struct caller;

/*
 * Whether @caller has @permission, on @token where the permission speaks of one (else NULL).
 * Errors: REASON_NOT_PERMITTED, REASON_DISABLED (the token; only told to those who hold a grant), those of
 * grant_get().
 */
MUST_CHECK enum reason policy_check(struct access *access, const struct caller *caller,
                                    enum permission permission, const struct token_row *token);
/* The same question without the store: whether @role with @grant_bits is enough. A lease knows both. */
bool policy_allows(enum permission permission, enum role role, unsigned grant_bits);
