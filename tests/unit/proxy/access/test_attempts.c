/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_attempts.c - how often a PIN may be guessed: the delays, the lock, and what no crash, no race and no thief
 * with the database can change about them.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/access/access_fixture.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* The policy, once more, in the words of the design: before the failure after so many, how long a wait. */
static const int64_t waits[ATTEMPT_FAILURES_MAX] = { 0, 0, 0, 0, 0, MINUTE, 5 * MINUTE, HOUR, HOUR, HOUR };

static struct access *access_;
static struct caller alice, bob;
static struct token_row token;
static struct failure why;
static int64_t now_ms;

static void setup(void)
{
    fixture_setup();
    access_ = &fixture.access;
    alice = fixture_caller("alice", ROLE_DEVICE, 1);
    bob = fixture_caller("bob", ROLE_DEVICE, 2);
    token = fixture_token("alice");
    now_ms = FIXTURE_NOW_MS;
}

static enum reason reserve(const struct caller *caller, struct attempt *ret)
{
    why = (struct failure){ 0 };
    return attempt_reserve(access_, &token, caller, now_ms, ret, &why);
}

static struct attempt reserved(const struct caller *caller)
{
    struct attempt attempt = { 0 };

    ck_assert_int_eq(reserve(caller, &attempt), REASON_NONE);
    return attempt;
}

static uint32_t settled(const struct attempt *attempt, enum attempt_outcome outcome)
{
    uint32_t tries_left = 99;

    ck_assert_int_eq(attempt_settle(access_, &token, attempt, outcome, now_ms, &tries_left), REASON_NONE);
    return tries_left;
}

static uint32_t guess(const struct caller *caller, enum attempt_outcome outcome)
{
    struct attempt attempt = reserved(caller);

    return settled(&attempt, outcome);
}

static void ck_assert_refused(const struct caller *caller, enum reason reason)
{
    struct attempt attempt;

    ck_assert_int_eq(reserve(caller, &attempt), reason);
}

/* @count wrong guesses, each as soon as it is allowed. */
static void guess_wrong(const struct caller *caller, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct attempt attempt;

        while (reserve(caller, &attempt) == REASON_PIN_DELAYED)
            now_ms += why.retry_after_ms;
        settled(&attempt, ATTEMPT_WRONG);
    }
}

static void ck_assert_state(const struct caller *caller, Privyseal__V1__PinState state, uint32_t failures)
{
    Privyseal__V1__PinState found;
    uint32_t retry_after_ms, found_failures;

    ck_assert_int_eq(attempt_state(access_, &token, caller, now_ms, &found, &retry_after_ms, &found_failures),
                     REASON_NONE);
    ck_assert_int_eq(found, state);
    ck_assert_uint_eq(found_failures, failures);
    ck_assert((retry_after_ms > 0) == (state == PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED));
}

/* ----------------------------------------------------------------------------------------- one at a time */

START_TEST(each_failure_waits_as_long_as_the_policy_says)
{
    for (unsigned failures = 0; failures < ATTEMPT_FAILURES_MAX; failures++) {
        if (waits[failures]) {
            ck_assert_refused(&alice, REASON_PIN_DELAYED);
            ck_assert_uint_eq(why.retry_after_ms, waits[failures]);
            now_ms += waits[failures] - 1;
            ck_assert_refused(&alice, REASON_PIN_DELAYED);
            ck_assert_uint_eq(why.retry_after_ms, 1);
            now_ms++;
        }
        ck_assert_uint_eq(guess(&alice, ATTEMPT_WRONG), ATTEMPT_FAILURES_MAX - 1 - failures);
    }
    ck_assert(token.locked);
}
END_TEST

START_TEST(tenth_failure_locks_for_everybody_and_for_good)
{
    guess_wrong(&alice, ATTEMPT_FAILURES_MAX);
    now_ms += 1000 * HOUR;
    ck_assert_refused(&alice, REASON_PIN_LOCKED);
    ck_assert_refused(&bob, REASON_PIN_LOCKED);
}
END_TEST

START_TEST(success_clears_only_its_principals_failures)
{
    guess_wrong(&alice, 4);
    guess_wrong(&bob, 4);
    ck_assert_uint_eq(guess(&alice, ATTEMPT_RIGHT), ATTEMPT_FAILURES_MAX);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    ck_assert_state(&bob, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, 4);
}
END_TEST

START_TEST(refusal_during_a_delay_is_not_counted)
{
    guess_wrong(&alice, 5);
    for (int i = 0; i < 20; i++)
        ck_assert_refused(&alice, REASON_PIN_DELAYED);
    now_ms += MINUTE;
    ck_assert_uint_eq(guess(&alice, ATTEMPT_WRONG), 4);
}
END_TEST

START_TEST(attempt_that_was_not_checked_is_given_back)
{
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(guess(&alice, ATTEMPT_NOT_CHECKED), ATTEMPT_FAILURES_MAX);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
}
END_TEST

START_TEST(unknown_caller_reserves_nothing)
{
    struct caller nobody = { 0 };

    ck_assert_refused(&nobody, REASON_NOT_PERMITTED);
}
END_TEST

START_TEST(state_tells_what_comes_next)
{
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    guess_wrong(&alice, 1);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, 1);
    ck_assert_state(&bob, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    ck_assert_state(NULL, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, 1);
    guess_wrong(&alice, 8);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, 9);
    now_ms += HOUR;
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY, 9);
    guess_wrong(&alice, 1);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED, 10);
    ck_assert_state(&bob, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED, 0);
}
END_TEST

START_TEST(token_without_a_pin_says_so)
{
    token.pin_version = 0;
    ck_assert_int_eq(token_save(access_, &token), REASON_NONE);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET, 0);
    ck_assert_refused(&alice, REASON_PIN_NOT_SET);
}
END_TEST

START_TEST(operators_clearing_unlocks_and_forgets)
{
    guess_wrong(&bob, 3);
    guess_wrong(&alice, ATTEMPT_FAILURES_MAX);
    ck_assert_int_eq(attempt_clear(access_, &token), REASON_NONE);
    ck_assert(!token.locked);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    ck_assert_state(&bob, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    ck_assert_uint_eq(guess(&alice, ATTEMPT_RIGHT), ATTEMPT_FAILURES_MAX);
}
END_TEST

/* ------------------------------------------------------------------------------------------- the whole token */

/* Alice logs in rightly again and again; on her device somebody guesses in between, thirty times. */
static void wear_out(void)
{
    for (int i = 0; i < 30; i++) {
        guess(&alice, ATTEMPT_RIGHT);
        guess(&alice, ATTEMPT_WRONG);
    }
}

START_TEST(guessing_between_successes_is_throttled_token_wide)
{
    wear_out();
    ck_assert_refused(&alice, REASON_PIN_DELAYED);
    ck_assert_refused(&bob, REASON_PIN_DELAYED);
    ck_assert_uint_eq(why.retry_after_ms, MINUTE);
    ck_assert_state(&bob, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, 0);
    now_ms += MINUTE;
    guess(&bob, ATTEMPT_RIGHT);
    guess(&alice, ATTEMPT_RIGHT); /* right ones are not slowed: only what follows a failure waits */
    guess(&alice, ATTEMPT_WRONG);
    ck_assert_refused(&bob, REASON_PIN_DELAYED);
    ck_assert(!token.locked);
}
END_TEST

START_TEST(throttled_token_takes_one_attempt_at_a_time)
{
    struct attempt first;

    wear_out();
    now_ms += MINUTE;
    first = reserved(&alice);
    ck_assert_refused(&bob, REASON_BUSY);
    settled(&first, ATTEMPT_RIGHT);
    guess(&bob, ATTEMPT_RIGHT);
}
END_TEST

START_TEST(new_pin_starts_the_total_anew)
{
    wear_out();
    token.pin_version++;
    ck_assert_int_eq(token_save(access_, &token), REASON_NONE);
    guess(&bob, ATTEMPT_WRONG);
    guess(&bob, ATTEMPT_WRONG);
    ck_assert_uint_eq(token.failures_total, 2);
}
END_TEST

/* Else an operator with a device of the user's would guess and unlock, guess and unlock. */
START_TEST(operators_clearing_does_not_start_the_total_anew)
{
    wear_out();
    now_ms += MINUTE;
    guess(&bob, ATTEMPT_WRONG);
    ck_assert_int_eq(attempt_clear(access_, &token), REASON_NONE);
    ck_assert_refused(&bob, REASON_PIN_DELAYED);
    now_ms += MINUTE;
    guess(&bob, ATTEMPT_RIGHT);
}
END_TEST

/* --------------------------------------------------------------------------------------------- reservations */

START_TEST(open_reservations_make_others_wait_and_never_lock)
{
    struct attempt open[5];

    for (int i = 0; i < 5; i++)
        open[i] = reserved(&alice);
    for (int i = 0; i < 20; i++) {
        ck_assert_refused(&alice, REASON_BUSY);
        ck_assert_uint_eq(why.retry_after_ms, ATTEMPT_BUSY_RETRY_MS);
    }
    for (int i = 0; i < 5; i++)
        settled(&open[i], ATTEMPT_RIGHT);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    guess(&alice, ATTEMPT_RIGHT);
}
END_TEST

START_TEST(reservations_and_failures_together_never_exceed_what_is_allowed_at_once)
{
    struct attempt first, second;

    guess_wrong(&alice, 3);
    first = reserved(&alice);
    second = reserved(&alice);
    ck_assert_refused(&alice, REASON_BUSY);
    settled(&first, ATTEMPT_WRONG);
    ck_assert_refused(&alice, REASON_BUSY);
    settled(&second, ATTEMPT_WRONG);
    ck_assert_refused(&alice, REASON_PIN_DELAYED);
    now_ms += MINUTE;
    first = reserved(&alice);
    ck_assert_refused(&alice, REASON_BUSY);
    settled(&first, ATTEMPT_RIGHT);
    guess(&alice, ATTEMPT_RIGHT);
}
END_TEST

START_TEST(success_leaves_another_open_reservation_to_its_outcome)
{
    struct attempt right = reserved(&alice), wrong = reserved(&alice);

    settled(&right, ATTEMPT_RIGHT);
    ck_assert_uint_eq(settled(&wrong, ATTEMPT_WRONG), ATTEMPT_FAILURES_MAX - 1);
}
END_TEST

START_TEST(reservation_that_nobody_settled_is_a_failure)
{
    struct attempt attempt = reserved(&alice);

    now_ms += ATTEMPT_LIFE_MS - 1;
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
    now_ms++;
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, 1);
    guess_wrong(&alice, 4);
    ck_assert_refused(&alice, REASON_PIN_DELAYED);
    ck_assert_uint_eq(token.failures_total, 5);
    /* Its signer was only slow, and counts nothing twice. */
    ck_assert_uint_eq(settled(&attempt, ATTEMPT_WRONG), 5);
    ck_assert_uint_eq(token.failures_total, 5);
}
END_TEST

START_TEST(tenth_failure_that_nobody_settled_locks_all_the_same)
{
    guess_wrong(&alice, 9);
    now_ms += HOUR;
    reserved(&alice);
    now_ms += ATTEMPT_LIFE_MS;
    ck_assert_refused(&bob, REASON_PIN_LOCKED);
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    ck_assert(token.locked);
}
END_TEST

START_TEST(slow_right_pin_still_clears_its_principal)
{
    struct attempt attempt = reserved(&alice);

    now_ms += ATTEMPT_LIFE_MS;
    guess(&bob, ATTEMPT_WRONG);
    ck_assert_uint_eq(settled(&attempt, ATTEMPT_RIGHT), ATTEMPT_FAILURES_MAX);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
}
END_TEST

/* A right PIN that was reserved before @change, and settled after it. */
static enum reason settle_right_after(void (*change)(void))
{
    struct attempt attempt = reserved(&alice);
    uint32_t tries_left;
    enum reason reason;

    change();
    reason = attempt_settle(access_, &token, &attempt, ATTEMPT_RIGHT, now_ms, &tries_left);
    now_ms += ATTEMPT_LIFE_MS;
    ck_assert_int_eq(attempt_clear(access_, &token), REASON_NONE); /* the ledger is whole */
    return reason;
}

static void change_lock(void)
{
    token.locked = true;
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    guess_wrong(&bob, 1);
    token.locked = true;
    ck_assert_int_eq(token_save(access_, &token), REASON_NONE);
}

static void change_pin(void)
{
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    token.pin_version++;
    ck_assert_int_eq(token_save(access_, &token), REASON_NONE);
}

static void change_enabled(void)
{
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    token.enabled = false;
    ck_assert_int_eq(token_save(access_, &token), REASON_NONE);
}

START_TEST(right_pin_opens_nothing_once_the_token_is_locked)
{
    ck_assert_int_eq(settle_right_after(change_lock), REASON_PIN_LOCKED);
}
END_TEST

START_TEST(right_pin_opens_nothing_once_it_was_changed)
{
    ck_assert_int_eq(settle_right_after(change_pin), REASON_PIN_CHANGED);
}
END_TEST

START_TEST(right_pin_opens_nothing_once_the_user_is_disabled)
{
    ck_assert_int_eq(settle_right_after(change_enabled), REASON_DISABLED);
}
END_TEST

START_TEST(old_pin_version_is_told_and_not_counted)
{
    struct token_row old = token;
    struct attempt attempt;

    change_pin();
    ck_assert_int_eq(attempt_reserve(access_, &old, &alice, now_ms, &attempt, &why), REASON_PIN_CHANGED);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
}
END_TEST

/* -------------------------------------------------------------------------------- a thief with the database */

static void ck_assert_tampering_is_noticed(const char *sql)
{
    Privyseal__V1__PinState state;
    uint32_t retry_after_ms, failures;

    guess_wrong(&alice, 4);
    guess_wrong(&bob, 1);
    fixture_tamper(sql);
    ck_assert_refused(&alice, REASON_INTEGRITY);
    ck_assert_int_eq(attempt_state(access_, &token, &alice, now_ms, &state, &retry_after_ms, &failures),
                     REASON_INTEGRITY);
}

START_TEST(deleted_failures_are_noticed)
{
    ck_assert_tampering_is_noticed("DELETE FROM attempts");
}
END_TEST

START_TEST(one_deleted_failure_is_noticed)
{
    ck_assert_tampering_is_noticed("DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)");
}
END_TEST

START_TEST(failure_made_a_reservation_is_noticed)
{
    ck_assert_tampering_is_noticed("UPDATE attempts SET state = 0");
}
END_TEST

START_TEST(failure_given_to_another_is_noticed)
{
    ck_assert_tampering_is_noticed("UPDATE attempts SET principal_id = 2");
}
END_TEST

START_TEST(failure_made_older_is_noticed)
{
    ck_assert_tampering_is_noticed("UPDATE attempts SET at_ms = at_ms - 3600000");
}
END_TEST

START_TEST(added_failure_is_noticed)
{
    ck_assert_tampering_is_noticed("INSERT INTO attempts (token_id, principal_id, state, at_ms) SELECT "
                                   "token_id, 2, state, at_ms FROM attempts");
}
END_TEST

START_TEST(whole_ledger_put_back_is_noticed_by_who_saw_the_newer)
{
    fixture_tamper("CREATE TABLE old_tokens AS SELECT * FROM tokens;"
                   "CREATE TABLE old_attempts AS SELECT * FROM attempts");
    guess_wrong(&alice, 4);
    fixture_tamper(
        "DELETE FROM attempts; INSERT INTO attempts SELECT * FROM old_attempts;"
        "UPDATE tokens SET (sequence, mac, failures_total, failures_version, failed_ms, attempts) ="
        " (SELECT sequence, mac, failures_total, failures_version, failed_ms, attempts"
        "  FROM old_tokens)");
    ck_assert_refused(&alice, REASON_INTEGRITY);
}
END_TEST

START_TEST(hsm_that_fails_reserves_nothing)
{
    fixture.hsm.failure = CKR_DEVICE_ERROR;
    ck_assert_refused(&alice, REASON_HSM);
    fixture.hsm.failure = CKR_OK;
    for (int i = 0; i < 5; i++)
        reserved(&alice);
}
END_TEST

/* --------------------------------------------------------------------------------------- real processes */

/* Runs @child in @count processes, each with a store connection of its own; gives the sum of what they return. */
static unsigned run_processes(unsigned count, unsigned (*child)(unsigned number))
{
    unsigned sum = 0;
    int status;

    for (unsigned number = 0; number < count; number++) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            access_ = fixture_open();
            _exit((int)child(number));
        }
    }
    while (wait(&status) > 0) {
        ck_assert(WIFEXITED(status));
        sum += (unsigned)WEXITSTATUS(status);
    }
    return sum;
}

static void wait_a_moment(void)
{
    struct timespec moment = { .tv_nsec = 5000000 };

    nanosleep(&moment, NULL);
}

START_TEST(attempt_of_a_killed_process_is_counted)
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        access_ = fixture_open();
        reserved(&alice);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    for (int i = 0; i < 4; i++)
        reserved(&alice);
    ck_assert_refused(&alice, REASON_BUSY); /* the fifth place is the dead one's */
    now_ms += ATTEMPT_LIFE_MS;
    ck_assert_refused(&alice, REASON_PIN_DELAYED);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, 5);
}
END_TEST

static unsigned unlock_with_right_pin(unsigned number)
{
    struct attempt attempt;
    uint32_t tries_left;
    enum reason reason;

    (void)number;
    while ((reason = reserve(&alice, &attempt)) == REASON_BUSY)
        wait_a_moment();
    if (reason != REASON_NONE)
        return 0;
    wait_a_moment();
    return attempt_settle(access_, &token, &attempt, ATTEMPT_RIGHT, now_ms, &tries_left) == REASON_NONE;
}

START_TEST(sixteen_workers_with_the_right_pin_all_succeed)
{
    ck_assert_uint_eq(run_processes(16, unlock_with_right_pin), 16);
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    ck_assert_state(&alice, PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK, 0);
}
END_TEST

/* Guesses as fast as it can, as even or odd, and counts its guesses. */
static unsigned guess_until_delayed(unsigned number)
{
    const struct caller *caller = number % 2 ? &bob : &alice;
    struct attempt attempt;
    unsigned guesses = 0;
    uint32_t tries_left;

    for (;;) {
        switch (reserve(caller, &attempt)) {
        case REASON_NONE:
            guesses++;
            if (attempt_settle(access_, &token, &attempt, ATTEMPT_WRONG, now_ms, &tries_left) != REASON_NONE)
                return 100;
            break;
        case REASON_BUSY:
            wait_a_moment();
            break;
        default:
            return guesses;
        }
    }
}

START_TEST(eight_processes_guess_no_more_often_than_one)
{
    ck_assert_uint_eq(run_processes(8, guess_until_delayed), 2 * 5);
    now_ms += MINUTE;
    ck_assert_int_eq(token_load(access_, "alice", &token), REASON_NONE);
    ck_assert_uint_eq(run_processes(8, guess_until_delayed), 2);
}
END_TEST

/* --------------------------------------------------------------------------------------------- property */

enum { PEOPLE = 3, OPEN_MAX = 64 };

/* What an onlooker knows of one principal: the guesses since its last success, of which none may be too early. */
struct onlooker {
    struct attempt open[OPEN_MAX];
    unsigned open_count;
    unsigned guesses; /* wrong ones, and lost ones */
    int64_t last_ms;  /* when the last of them could be known to be wrong */
};

static void onlooker_sees_reservation(struct onlooker *person, const struct attempt *attempt)
{
    unsigned made = person->guesses + person->open_count;

    ck_assert_uint_lt(made, ATTEMPT_FAILURES_MAX);
    if (made >= 5) {
        ck_assert_uint_eq(person->open_count, 0);
        ck_assert_int_ge(now_ms, person->last_ms + waits[made]);
    }
    person->open[person->open_count++] = *attempt;
}

static void onlooker_sees_guess(struct onlooker *person, int64_t at_ms)
{
    person->guesses++;
    if (person->last_ms < at_ms)
        person->last_ms = at_ms;
}

/* Settles the oldest open attempt of @person in a random way. */
static void settle_one(struct onlooker *person)
{
    static const enum attempt_outcome outcomes[] = { ATTEMPT_WRONG,      ATTEMPT_WRONG, ATTEMPT_WRONG,
                                                     ATTEMPT_WRONG,      ATTEMPT_WRONG, ATTEMPT_RIGHT,
                                                     ATTEMPT_NOT_CHECKED };
    enum attempt_outcome outcome = outcomes[random() % (long)ARRAY_SIZE(outcomes)];
    struct attempt attempt = person->open[0];
    uint32_t tries_left;
    enum reason reason;

    memmove(person->open, person->open + 1, --person->open_count * sizeof(attempt));
    reason = attempt_settle(access_, &token, &attempt, outcome, now_ms, &tries_left);
    if (reason != REASON_PIN_LOCKED)
        ck_assert_int_eq(reason, REASON_NONE);
    if (outcome == ATTEMPT_WRONG)
        onlooker_sees_guess(person, now_ms);
    if (outcome == ATTEMPT_RIGHT && reason == REASON_NONE)
        person->guesses = 0;
}

/* Signers die: their attempts count as guesses. */
static void lose_stale(struct onlooker *person)
{
    while (person->open_count && person->open[0].row.at_ms + ATTEMPT_LIFE_MS <= now_ms) {
        onlooker_sees_guess(person, person->open[0].row.at_ms);
        memmove(person->open, person->open + 1, --person->open_count * sizeof(person->open[0]));
    }
}

static void random_life(unsigned seed)
{
    static const int64_t steps[] = { 0, 0, 0, SECOND, 31 * SECOND, 61 * SECOND, 301 * SECOND, HOUR };
    struct access *processes[] = { &fixture.access, fixture_open(), fixture_open() };
    struct caller *callers[PEOPLE] = { &alice, &bob, &(struct caller){ 0 } };
    struct onlooker people[PEOPLE] = { 0 };
    struct attempt attempt;
    unsigned granted = 0;

    srandom(seed);
    *callers[2] = fixture_caller("carol", ROLE_APPLICATION, 3);
    for (int i = 0; i < 250 && !token.locked; i++) {
        int who = (int)(random() % PEOPLE);

        access_ = processes[random() % (long)ARRAY_SIZE(processes)];
        now_ms += steps[random() % (long)ARRAY_SIZE(steps)];
        for (int person = 0; person < PEOPLE; person++)
            lose_stale(&people[person]);
        if (random() % 2 && people[who].open_count) {
            settle_one(&people[who]);
        } else if (reserve(callers[who], &attempt) == REASON_NONE) {
            onlooker_sees_reservation(&people[who], &attempt);
            granted++;
        }
    }
    ck_assert_uint_gt(granted, 10);
    access_ = &fixture.access;
    fixture_close(processes[1]);
    fixture_close(processes[2]);
}

/* In any order, from any process, with any of them dying: never a guess more than the policy allows. */
START_TEST(random_lives_never_allow_a_guess_too_many)
{
    for (unsigned seed = 1; seed <= 8; seed++) {
        random_life(seed);
        fixture_teardown();
        setup();
    }
}
END_TEST

SUITE_WITH_FIXTURE(
    "attempts", setup, fixture_teardown, each_failure_waits_as_long_as_the_policy_says,
    tenth_failure_locks_for_everybody_and_for_good, success_clears_only_its_principals_failures,
    refusal_during_a_delay_is_not_counted, attempt_that_was_not_checked_is_given_back,
    unknown_caller_reserves_nothing, state_tells_what_comes_next, token_without_a_pin_says_so,
    operators_clearing_unlocks_and_forgets, guessing_between_successes_is_throttled_token_wide,
    throttled_token_takes_one_attempt_at_a_time, new_pin_starts_the_total_anew,
    operators_clearing_does_not_start_the_total_anew, open_reservations_make_others_wait_and_never_lock,
    reservations_and_failures_together_never_exceed_what_is_allowed_at_once,
    success_leaves_another_open_reservation_to_its_outcome, reservation_that_nobody_settled_is_a_failure,
    tenth_failure_that_nobody_settled_locks_all_the_same, slow_right_pin_still_clears_its_principal,
    right_pin_opens_nothing_once_the_token_is_locked, right_pin_opens_nothing_once_it_was_changed,
    right_pin_opens_nothing_once_the_user_is_disabled, old_pin_version_is_told_and_not_counted,
    deleted_failures_are_noticed, one_deleted_failure_is_noticed, failure_made_a_reservation_is_noticed,
    failure_given_to_another_is_noticed, failure_made_older_is_noticed, added_failure_is_noticed,
    whole_ledger_put_back_is_noticed_by_who_saw_the_newer, hsm_that_fails_reserves_nothing,
    attempt_of_a_killed_process_is_counted, sixteen_workers_with_the_right_pin_all_succeed,
    eight_processes_guess_no_more_often_than_one, random_lives_never_allow_a_guess_too_many);
