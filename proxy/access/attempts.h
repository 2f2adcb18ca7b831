/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.h - how often a PIN may be guessed, however many processes ask at once and whenever one dies.
 *
 * An attempt is a reservation, committed before the PIN is looked at; settled as right, wrong or not checked
 * afterwards. One that nobody settled in ATTEMPT_LIFE_MS counts as wrong: its signer may have died knowing.
 *
 * Counted per token and principal, a success clears only its principal's:
 *   failures so far    the next attempt
 *   0 to 4             at once; failures and open reservations together never exceed 5
 *   5                  60 s after the last failure, one at a time
 *   6                  300 s
 *   7, 8, 9            1 h
 *   10                 none: the token is locked until an operator clears it
 * A PIN given to have a code sent (ATTEMPT_ASKED) counts as a failure, right or wrong: whoever sees counters, delays and
 * answers learns nothing. But it never is the tenth: from 9 failures on one a day is taken, which keeps them 9. It has
 * waited by itself, so it makes the code wait no longer; and that, given with the PIN, is a success.
 * Counted per token over all principals, since the last PIN change or operator's clearing, successes clearing
 * nothing: an attacker who guesses between the user's own log-ins, or from many devices, meets
 *   30, 100, 300       60 s, 300 s, 1 h after the last failure, one at a time, for everybody; this never locks.
 */
#pragma once

#include <stdint.h>

#include "proto/failure.h"
#include "proto/privyseal.pb-c.h"
#include "proxy/access/factor.h"
#include "proxy/store/store.h"

struct access;
struct caller;

#define ATTEMPT_FAILURES_MAX  10    /* of one principal: the last of them locks */
#define ATTEMPT_LIFE_MS       30000 /* of a reservation */
#define ATTEMPT_BUSY_RETRY_MS 100   /* a check takes milliseconds */

struct attempt {
    struct attempt_row row;
    uint32_t pin_version;        /* under which it was reserved */
    bool is_request;             /* of a code: settled as ATTEMPT_ASKED, or given back */
    struct factor_change change; /* of the token's factor: made with ATTEMPT_RIGHT and ATTEMPT_ASKED */
};

enum attempt_outcome {
    ATTEMPT_RIGHT,       /* reservation and this principal's failures are cleared */
    ATTEMPT_WRONG,       /* becomes a failure; the tenth locks the token */
    ATTEMPT_NOT_CHECKED, /* given back: HSM or store failed before the check */
    ATTEMPT_ASKED,       /* a code is on its way, if the PIN was right */
};

/*
 * Reserves an attempt, committed before it returns. Open reservations make others wait, they do not lock.
 * Errors: REASON_PIN_LOCKED, REASON_PIN_DELAYED (@why->retry_after_ms), REASON_BUSY (retry_after_ms),
 * REASON_PIN_CHANGED, _PIN_NOT_SET, _DISABLED (the token is no longer as in @token), REASON_INTEGRITY,
 * REASON_STORE, _HSM.
 */
MUST_CHECK enum reason attempt_reserve(struct access *access, const struct token_row *token,
                                       const struct caller *caller, int64_t now_ms, struct attempt *ret,
                                       struct failure *why);
/* The same, of an attempt that has a code sent and opens nothing: settled as ATTEMPT_ASKED, or given back. */
MUST_CHECK enum reason attempt_reserve_request(struct access *access, const struct token_row *token,
                                               const struct caller *caller, int64_t now_ms,
                                               struct attempt *ret, struct failure *why);
/*
 * Commits the outcome; @token becomes what is stored now. @ret_tries_left: before the token locks.
 * A right PIN opens nothing unless this returns REASON_NONE. Where attempt->change turns out to be somebody else's
 * already (REASON_PIN_INCORRECT), the attempt was a wrong one.
 * Errors: REASON_PIN_LOCKED, _DISABLED, _PIN_CHANGED (ATTEMPT_RIGHT only: it came too late; the reservation is
 * given back), REASON_INTEGRITY, REASON_STORE, _BUSY, _HSM (unsettled: it will count as wrong).
 */
MUST_CHECK enum reason attempt_settle(struct access *access, struct token_row *token,
                                      const struct attempt *attempt, enum attempt_outcome outcome,
                                      int64_t now_ms, uint32_t *ret_tries_left);
/*
 * What a caller should know of @token; @caller NULL (an operator asks): the worst of all principals.
 * Errors: REASON_INTEGRITY, REASON_STORE, _BUSY, _HSM.
 */
MUST_CHECK enum reason attempt_state(struct access *access, const struct token_row *token,
                                     const struct caller *caller, int64_t now_ms,
                                     Privyseal__V1__PinState *ret, uint32_t *ret_retry_after_ms,
                                     uint32_t *ret_failures);
/*
 * The operator's unlock: clears the lock and all attempts; the PIN stays, and so does the total since it was set, by
 * which the token is throttled. @token becomes what is stored now. Errors: as attempt_state().
 */
MUST_CHECK enum reason attempt_clear(struct access *access, struct token_row *token);
/*
 * The same inside a transaction of the caller's, who has read @token in it and saves it: a PIN that was set anew without
 * the old one begins with a clean slate. Errors: REASON_STORE, _BUSY.
 */
MUST_CHECK enum reason attempt_forgive(struct access *access, struct token_row *token);
