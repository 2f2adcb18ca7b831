/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h - a token's row and all its attempts, of all principals, which it binds by a digest. For attempts.c. */
#pragma once

#include "proxy/access/access.h"

/* What the throttles look at. */
struct tally {
    uint32_t failures;
    uint32_t open;     /* reservations whose outcome is still to come */
    int64_t failed_ms; /* the last failure */
};

/* A token and its attempts at one moment. */
struct ledger {
    struct token_row token;
    struct attempt_row *rows;
    size_t count;
    bool is_changed;
    struct store *transaction; /* open from ledger_begin() to ledger_commit() */
};

/* What was begun and not committed is undone. */
void ledger_clear(struct ledger *ledger);
DEFINE_CLEAR(ledger_clear, struct ledger);

/* Begins a transaction and reads in it. Errors: REASON_INTEGRITY (the rows are not those that the token knows of). */
MUST_CHECK enum reason ledger_begin(struct access *access, int64_t token_id, struct ledger *ledger);
/* Reads for who only looks. Errors: as above. */
MUST_CHECK enum reason ledger_peek(struct access *access, const struct token_row *token,
                                   struct ledger *ledger);
/* Binds the rows as they are now to the token's row, and commits. */
MUST_CHECK enum reason ledger_commit(struct access *access, struct ledger *ledger);

/* A wrong one, a request for a code, or a reservation that nobody settled. */
bool ledger_is_failure(const struct attempt_row *row, int64_t now_ms);
/* The principal's request whose code may still be given; NULL: none. */
const struct attempt_row *ledger_request(const struct ledger *ledger, int64_t principal_id, int64_t now_ms);
/* @but: one that does not count here; NULL: all do. */
struct tally ledger_tally(const struct ledger *ledger, int64_t principal_id, const struct attempt_row *but,
                          int64_t now_ms);
/* Of the principal with the most failures. */
struct tally ledger_tally_of_worst(const struct ledger *ledger, int64_t now_ms);
struct tally ledger_tally_of_token(const struct ledger *ledger, int64_t now_ms);

/* @row, one of the ledger's, becomes a failure of the token's. */
MUST_CHECK enum reason ledger_count(struct access *access, struct ledger *ledger, struct attempt_row *row,
                                    enum attempt_state state, int64_t at_ms);
/* Makes @row a wrong attempt at @at_ms; the tenth locks. */
MUST_CHECK enum reason ledger_fail(struct access *access, struct ledger *ledger, struct attempt_row *row,
                                   int64_t at_ms, int64_t now_ms);
/* Whoever reserved and did not settle in time has failed. */
MUST_CHECK enum reason ledger_fail_stale(struct access *access, struct ledger *ledger, int64_t now_ms);
