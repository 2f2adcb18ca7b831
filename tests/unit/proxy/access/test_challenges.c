/* SPDX-License-Identifier: Apache-2.0 */
/* test_challenges.c - a challenge is good here, once, for its life. */
#include <string.h>

#include "tests/support/suite.h"
#include "proxy/access/challenges.h"

#define NOW_MS   INT64_C(1700000000000)
#define USED_MAX 16384 /* they begin with fewer places */

static struct challenges *challenges;
static uint8_t challenge[CHALLENGE_LEN];

static void setup(void)
{
    ck_assert_int_eq(challenges_new(0x0102, USED_MAX, &challenges), 0);
    ck_assert_int_eq(challenge_make(challenges, NOW_MS, challenge), 0);
}

static void teardown(void)
{
    challenges_free(TAKE(challenges));
}

static enum reason use(const uint8_t bytes[CHALLENGE_LEN], int64_t now_ms)
{
    return challenge_use(challenges, BYTES(bytes, CHALLENGE_LEN), now_ms);
}

START_TEST(fresh_challenge_is_good_once)
{
    ck_assert_int_eq(use(challenge, NOW_MS + 5), REASON_NONE);
    ck_assert_int_eq(use(challenge, NOW_MS + 6), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(challenge_begins_with_its_signer)
{
    ck_assert_uint_eq(challenge[0], 1);
    ck_assert_uint_eq(challenge[1], 2);
}
END_TEST

START_TEST(challenge_ends_with_its_life)
{
    ck_assert_int_eq(use(challenge, NOW_MS + CHALLENGE_LIFE_MS), REASON_CHALLENGE_STALE);
    ck_assert_int_eq(use(challenge, NOW_MS + CHALLENGE_LIFE_MS - 1), REASON_NONE);
}
END_TEST

START_TEST(challenge_from_the_future_is_refused)
{
    ck_assert_int_eq(use(challenge, NOW_MS - 1), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(challenge_with_any_bit_changed_is_refused)
{
    for (size_t i = 0; i < CHALLENGE_LEN; i++) {
        challenge[i] ^= 0x10;
        ck_assert_int_eq(use(challenge, NOW_MS), REASON_CHALLENGE_STALE);
        challenge[i] ^= 0x10;
    }
    ck_assert_int_eq(use(challenge, NOW_MS), REASON_NONE);
}
END_TEST

START_TEST(challenge_of_another_length_is_refused)
{
    uint8_t longer[CHALLENGE_LEN + 1] = { 0 };

    memcpy(longer, challenge, CHALLENGE_LEN);
    ck_assert_int_eq(challenge_use(challenges, BYTES_OF_ARRAY(longer), NOW_MS), REASON_CHALLENGE_STALE);
    for (size_t len = 0; len < CHALLENGE_LEN; len++)
        ck_assert_int_eq(challenge_use(challenges, BYTES(challenge, len), NOW_MS), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(challenge_of_the_process_before_is_refused)
{
    struct challenges *next = NULL;

    ck_assert_int_eq(challenges_new(0x0102, USED_MAX, &next), 0);
    ck_assert_int_eq(challenge_use(next, BYTES_OF_ARRAY(challenge), NOW_MS), REASON_CHALLENGE_STALE);
    challenges_free(next);
}
END_TEST

/* Uses run across several changes of the period; each is remembered for as long as it could be replayed. */
START_TEST(used_challenge_stays_used_for_its_whole_life)
{
    enum { MADE = 64 };
    uint8_t made[MADE][CHALLENGE_LEN];
    const int64_t step_ms = CHALLENGE_LIFE_MS / 16;

    for (int i = 0; i < MADE; i++) {
        int64_t now_ms = NOW_MS + i * step_ms;

        ck_assert_int_eq(challenge_make(challenges, now_ms, made[i]), 0);
        ck_assert_int_eq(use(made[i], now_ms), REASON_NONE);
        for (int j = 0; j <= i; j++)
            ck_assert_int_eq(use(made[j], now_ms), REASON_CHALLENGE_STALE);
    }
}
END_TEST

START_TEST(unused_challenge_stays_good_while_later_ones_are_used)
{
    uint8_t later[CHALLENGE_LEN];
    int64_t later_ms = NOW_MS + CHALLENGE_LIFE_MS - 1;

    ck_assert_int_eq(challenge_make(challenges, later_ms, later), 0);
    ck_assert_int_eq(use(later, later_ms), REASON_NONE);
    ck_assert_int_eq(use(challenge, later_ms), REASON_NONE);
    ck_assert_int_eq(use(challenge, later_ms), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(clock_set_back_brings_no_used_challenge_back)
{
    uint8_t later[CHALLENGE_LEN];
    int64_t later_ms = NOW_MS + 2 * CHALLENGE_LIFE_MS;

    ck_assert_int_eq(use(challenge, NOW_MS), REASON_NONE);
    ck_assert_int_eq(challenge_make(challenges, later_ms, later), 0);
    ck_assert_int_eq(use(later, later_ms), REASON_NONE);
    ck_assert_int_eq(use(challenge, NOW_MS), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(clock_set_back_is_served_with_new_challenges)
{
    uint8_t later[CHALLENGE_LEN], back[CHALLENGE_LEN];
    int64_t later_ms = NOW_MS + 10 * CHALLENGE_LIFE_MS;

    ck_assert_int_eq(challenge_make(challenges, later_ms, later), 0);
    ck_assert_int_eq(use(later, later_ms), REASON_NONE);
    ck_assert_int_eq(challenge_make(challenges, NOW_MS, back), 0);
    ck_assert_int_eq(use(challenge, NOW_MS), REASON_CHALLENGE_STALE); /* it was made before */
    ck_assert_int_eq(use(back, NOW_MS), REASON_NONE);
    ck_assert_int_eq(use(back, NOW_MS), REASON_CHALLENGE_STALE);
}
END_TEST

START_TEST(more_uses_than_can_be_remembered_are_refused_until_some_expire)
{
    uint8_t next[CHALLENGE_LEN];
    enum reason reason = REASON_NONE;
    size_t used = 0;

    ck_assert_int_eq(use(challenge, NOW_MS), REASON_NONE);
    for (; reason == REASON_NONE && used < USED_MAX; used++) {
        ck_assert_int_eq(challenge_make(challenges, NOW_MS, next), 0);
        reason = use(next, NOW_MS);
    }
    ck_assert_int_eq(reason, REASON_BUSY);
    ck_assert_uint_eq(used, USED_MAX / 4 * 3);
    ck_assert_int_eq(use(challenge, NOW_MS), REASON_CHALLENGE_STALE);
    /* Refused, not forgotten: the first is still used up. */
    ck_assert_int_eq(use(next, NOW_MS), REASON_BUSY);
    ck_assert_int_eq(challenge_make(challenges, NOW_MS + 2 * CHALLENGE_LIFE_MS, next), 0);
    ck_assert_int_eq(use(next, NOW_MS + 2 * CHALLENGE_LIFE_MS), REASON_NONE);
}
END_TEST

SUITE_WITH_FIXTURE("challenges", setup, teardown, fresh_challenge_is_good_once,
                   challenge_begins_with_its_signer, challenge_ends_with_its_life,
                   challenge_from_the_future_is_refused, challenge_with_any_bit_changed_is_refused,
                   challenge_of_another_length_is_refused, challenge_of_the_process_before_is_refused,
                   used_challenge_stays_used_for_its_whole_life,
                   unused_challenge_stays_good_while_later_ones_are_used,
                   clock_set_back_brings_no_used_challenge_back, clock_set_back_is_served_with_new_challenges,
                   more_uses_than_can_be_remembered_are_refused_until_some_expire);
