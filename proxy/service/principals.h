/* SPDX-License-Identifier: Apache-2.0 */
/* principals.h - who there is, and who is new. */
#pragma once

#include "proxy/store/store.h"

/*
 * The principal of that (valid) name; with @may_add, made when there is none. Call it inside the transaction that
 * needs it. One who is there already stays what it is. Errors: -ENOENT (and not @may_add), those of the store.
 */
MUST_CHECK int principal_find(struct store *store, const char *name, bool may_add, int64_t now_ms,
                              struct principal_row *ret);
