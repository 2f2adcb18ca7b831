/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - one change of a token: a transaction in which its row is read anew, and its version grows.
 *
 *     CLEANUP(change_clear) struct change change = { 0 };      rolls back on every way out but commit
 *     reason = change_begin(service, name, &change);  ... write rows ...  reason = change_commit(service, &change);
 */
#pragma once

#include "proxy/service/service.h"

struct change {
    struct store *store; /* NULL: no transaction open */
    struct token_row token;
};

/* Errors: those of token_load(), REASON_STORE, REASON_BUSY. */
MUST_CHECK enum reason change_begin(struct service *service, const char *token, struct change *ret);
/* Saves change->token under the next version. Errors: REASON_STORE, REASON_BUSY, REASON_HSM. */
MUST_CHECK enum reason change_commit(struct service *service, struct change *change);
void change_clear(struct change *change);
DEFINE_CLEAR(change_clear, struct change);
