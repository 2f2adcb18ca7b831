/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totp.h - codes of an authenticator application. RFC 6238 over RFC 4226: HMAC-SHA-1, six digits, 30 seconds.
 *
 * SHA-1 and six digits are what every application knows; HMAC-SHA-1 is not what falls first of a code that one may
 * guess ten times.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "include/cleanup.h"

#define TOTP_SEED_LEN   20 /* RFC 4226 4, R6: as long as the hash */
#define TOTP_DIGITS     6
#define TOTP_STEP_S     30
#define TOTP_WINDOW_MAX 10 /* steps each way */

/*
 * Which step's code @code is: of those at most @window steps from @now_ms and later than @last_step, the earliest; 0:
 * none. Looks at all of them, whichever fits. Errors: -EIO.
 */
MUST_CHECK int totp_find_step(struct bytes seed, struct bytes code, int64_t now_ms, unsigned window,
                              uint64_t last_step, uint64_t *ret_step);
