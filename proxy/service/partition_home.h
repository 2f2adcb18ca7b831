/* SPDX-License-Identifier: Apache-2.0 */
/* partition_home.h - which of the partition signers a new partition goes to. */
#pragma once

#include "proxy/service/service.h"

/*
 * The one with the fewest users, as the store counts them; two calls at once may choose the same, which does no harm.
 * Errors: REASON_NOT_FOUND (there is none), REASON_LIMIT (all are full); either with the sentence @why.
 */
MUST_CHECK enum reason partition_home(struct service *service, int *ret, const char **why);
