/* SPDX-License-Identifier: Apache-2.0 */
/*
 * challenges.h - numbers that make a sealed message good once.
 *
 * Made by this signer, good here once, for CHALLENGE_LIFE_MS. Layout in limits.h: signer, time, random, and the first
 * 16 bytes of an HMAC-SHA256 over them under a random key of this process. Nothing is kept of a challenge until it
 * is used, so asking for many costs us nothing; a used one is remembered until it would have expired. When the clock is
 * set back all that were made before are void.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/limits.h"

struct challenges;

/*
 * Places for used ones, three quarters of which are taken: some 6,500 a second for a whole life, more than a signer can
 * open. So nobody keeps others out by wasting challenges. 8 MiB for each of two lives, when they are needed.
 */
#define CHALLENGES_USED_MAX ((size_t)1 << 20)

/* @used_max: as above, a power of two. */
MUST_CHECK int challenges_new(uint32_t signer, size_t used_max, struct challenges **ret);
void challenges_free(struct challenges *challenges);
DEFINE_CLEANUP(challenges_free, struct challenges *);
/* Errors: negative errno. */
MUST_CHECK int challenge_make(struct challenges *challenges, int64_t now_ms, uint8_t ret[CHALLENGE_LEN]);
/*
 * Whether it is ours, fresh, unused; and uses it up. Errors: REASON_CHALLENGE_STALE (also for anything that is no
 * challenge), REASON_BUSY (more were used in one lifetime than we can remember).
 */
MUST_CHECK enum reason challenge_use(struct challenges *challenges, struct bytes challenge, int64_t now_ms);
