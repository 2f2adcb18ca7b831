/* SPDX-License-Identifier: Apache-2.0 */
/* grants.h - what a principal may do with a token, as the token's row vouches for it. */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/*
 * What a principal was granted on @token, and on the groups it is in.
 * @token is believed already (token_load). No grant: 0 bits. One row that was altered, added or put back spoils all
 * of the token's: nobody can say which of them is true.
 * Errors: REASON_INTEGRITY, REASON_STORE, REASON_BUSY, REASON_HSM, REASON_INTERNAL.
 */
MUST_CHECK enum reason grant_get(struct access *access, const struct token_row *token, int64_t principal_id,
                                 unsigned *ret_bits);
/* On the token itself alone. */
MUST_CHECK enum reason grant_get_own(struct access *access, const struct token_row *token,
                                     int64_t principal_id, unsigned *ret_bits);
/* All of them. @ret_rows: malloc'd array. */
MUST_CHECK enum reason grant_list_checked(struct access *access, const struct token_row *token,
                                          struct grant_row **ret_rows, size_t *ret_count);
/*
 * Replaces an earlier grant; 0 takes it back. Inside a transaction: token_save() the changed @token after it.
 * Errors: as above; REASON_STORE also when there is no such principal.
 */
MUST_CHECK enum reason grant_put(struct access *access, struct token_row *token, int64_t principal_id,
                                 unsigned bits);
