/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_keys.h - keys that everybody knows, so that seeds are authentic and get past the first check. */
#pragma once

#include "proto/limits.h"
#include "proto/session_keys.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_REALM "example"
#define FUZZ_TOKEN "anna"
#define FUZZ_WHAT  "thing" /* of which officers have shares */
#define FUZZ_TEXT  "an authentic message"

static const uint8_t fuzz_private_key[32] = { 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t fuzz_challenge[CHALLENGE_LEN] = { 0, 1, 2 };

static inline void fuzz_session_keys(struct session_keys *ret)
{
    static const uint8_t lease[LEASE_LEN] = { 0, 1, 3 }, hash[HASH_LEN] = { 4 };

    fuzz_require(session_keys_derive(NULL, FUZZ_REALM, FUZZ_TOKEN, BYTES_OF_ARRAY(fuzz_private_key),
                                     BYTES_OF_ARRAY(fuzz_challenge), BYTES_OF_ARRAY(lease),
                                     BYTES_OF_ARRAY(hash), ret) == 0);
}
