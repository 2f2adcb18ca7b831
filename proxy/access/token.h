/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - a token's row read, believed and written.
 *
 * A MAC shows that a row was once ours, not that it is the latest. So every change raises the row's sequence by
 * compare-and-set, and a signer remembers the highest it has seen of each token and refuses an older one. What was
 * put back while no signer looked, `audit verify` finds.
 *
 * Only what is committed may be remembered: load before you save in one transaction, and end it with
 * token_commit() (or store_commit(), and the next load remembers).
 */
#pragma once

#include <stdint.h>

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

/*
 * Reads a token by name and checks its MAC, and that its sequence is not older than this signer has seen.
 * Errors: REASON_NOT_PERMITTED (no such token: looks like one without a grant), REASON_INTEGRITY, REASON_STORE,
 * REASON_BUSY, REASON_HSM.
 */
MUST_CHECK enum reason token_load(struct access *access, const char *name, struct token_row *ret);
/* The same by id: for those who hold the row and want today's. */
MUST_CHECK enum reason token_reload(struct access *access, int64_t id, struct token_row *ret);
/*
 * sequence + 1, MAC, compare-and-set. On success @row holds the new sequence and MAC; else it is as it was.
 * Errors: REASON_BUSY (somebody else changed the row: load again), REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason token_save(struct access *access, struct token_row *row);
/* Commits the store's transaction and remembers @row as seen. Errors: REASON_STORE, REASON_BUSY (rolled back). */
MUST_CHECK enum reason token_commit(struct access *access, const struct token_row *row);
