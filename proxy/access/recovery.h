/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.h - a token's ways back when its PIN is forgotten, read, believed and bound.
 *
 * To them the token's row is what it is to its attempts: it holds their digest under its MAC. So a recovery code that
 * was used, a quorum that was given up, a request that was cancelled do not come back with their rows; and a share of
 * another token has no place here.
 *
 * Recovery codes have 128 bits, so wrong ones are only slowed down: after RECOVERY_FREE of them, one a minute. Nothing
 * locks: that would be a way to shut a user out.
 */
#pragma once

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

#define RECOVERY_FREE    5
#define RECOVERY_WAIT_MS 60000

struct recovery {
    bool has_code, has_quorum;
    struct access_row code;   /* ACCESS_RECOVERY: opens to the recovery code */
    struct access_row joined; /* ACCESS_QUORUM: opens to what the shares give together */
    struct quorum_row quorum;
    struct share_row *shares; /* by number */
    size_t share_count;
};

void recovery_clear(struct recovery *recovery);
DEFINE_CLEAR(recovery_clear, struct recovery);

/*
 * All ways of @token, whose row is believed. Costs nothing where there are none.
 * Errors: REASON_INTEGRITY (not as it was written), REASON_STORE, REASON_BUSY, REASON_HSM.
 */
MUST_CHECK enum reason recovery_load(struct access *access, const struct token_row *token,
                                     struct recovery *ret);
/*
 * The same, with the same calls to store and HSM whether there are ways or none, and of a row that was made up: for
 * those who are not to learn it. (An officers' quorum has a call more for each MAC of an older epoch, as ever.)
 */
MUST_CHECK enum reason recovery_load_alike(struct access *access, const struct token_row *token,
                                           struct recovery *ret);
/*
 * Before a change, inside its transaction: what is there is what @token vouches for. Else recovery_bind() would vouch
 * for rows that somebody put back. Errors: as above.
 */
MUST_CHECK enum reason recovery_prepare(struct access *access, const struct token_row *token);
/*
 * Binds what the store holds now to @token: digest and bits. Inside the transaction that changed it, after
 * recovery_prepare(); token_save() (or change_commit()) after it. Errors: as above.
 */
MUST_CHECK enum reason recovery_bind(struct access *access, struct token_row *token);
/* Whether a user's request to the officers waits at @now_ms. */
bool recovery_is_pending(const struct quorum_row *quorum, int64_t now_ms);

/* How long until the next recovery code may be tried; 0: now. */
int64_t recovery_wait_ms(const struct token_row *token, int64_t now_ms);
/* A wrong one, stored before anybody is told. @token becomes what is stored now. Errors: REASON_STORE, _BUSY, _HSM. */
MUST_CHECK enum reason recovery_count_failure(struct access *access, struct token_row *token, int64_t now_ms);
