/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_attempts.h - how often somebody without a certificate may guess, in whoever's name.
 *
 * Apart from a token's attempts, which they never touch: a stranger who guesses must not lock anybody out. Counted by
 * a key (32 bytes that the HSM made of the name, or of the code that came along), of which the first two choose one of
 * ENROLMENT_SLOTS rows. So a name that is nobody's is counted just as a user's is, and the table has an end. Two
 * names that meet in a row share its delays, which nobody can aim at without the HSM's key.
 *
 * An attempt counts before it is checked, and is given back when it was right or could not be checked.
 *   failures so far    the next attempt
 *   0 to 4             at once
 *   5, 6               60 s, 300 s after the last one
 *   7, 8, 9            1 h
 *   10 and more        24 h
 * One failure is forgotten for every day since the last; a success forgets none, so that nobody's success hides
 * another's guesses. Whoever guesses for a year has some 380 tries, at whatever number of servers.
 */
#pragma once

#include <stdint.h>

#include "proto/failure.h"
#include "proxy/store/store.h"

struct access;

#define ENROLMENT_SLOTS 65536

struct enrolment_attempt {
    uint32_t slot;
};

/*
 * Counts one attempt, committed before it returns. Errors: REASON_PIN_DELAYED (@why->retry_after_ms), REASON_BUSY,
 * REASON_INTEGRITY, REASON_STORE, REASON_HSM.
 */
MUST_CHECK enum reason enrolment_attempt_take(struct access *access, const uint8_t key[HASH_LEN],
                                              int64_t now_ms, struct enrolment_attempt *ret,
                                              struct failure *why);
/* It was right, or was not checked: it does not count. Errors: as above; then it counts. */
MUST_CHECK enum reason enrolment_attempt_give_back(struct access *access,
                                                   const struct enrolment_attempt *attempt);
