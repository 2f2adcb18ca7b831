/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.c - reservations, failures, delays and the lock.
 *
 * Whatever decides happens in one transaction that holds the store's write lock: the ledger (a token's row and all
 * its attempts) is read and proved whole, changed, and written back with a new digest under a new MAC.
 */
#include "proxy/access/attempts.h"

#include <string.h>

#include "include/table.h"
#include "proxy/access/access.h"
#include "proxy/access/ledger.h"

/* From so many failures on: one attempt at a time, and only so long after the last failure. */
struct throttle {
    uint32_t failures;
    int64_t wait_ms;
};

#define REQUEST_LAST_MS 86400000 /* between requests for a code, once another failure would lock */

static const struct throttle principal_throttles[] = { { 5, 60000 }, { 6, 300000 }, { 7, 3600000 } };
static const struct throttle token_throttles[] = { { 30, 60000 }, { 100, 300000 }, { 300, 3600000 } };

_Static_assert(ARRAY_SIZE(principal_throttles) == ARRAY_SIZE(token_throttles), "both are THROTTLES long");
#define THROTTLES ARRAY_SIZE(principal_throttles)

/* --------------------------------------------------------------------------------------------- throttles */

static const struct throttle *throttle_find(const struct throttle throttles[THROTTLES], uint32_t failures)
{
    const struct throttle *found = NULL;

    for (size_t i = 0; i < THROTTLES && throttles[i].failures <= failures; i++)
        found = &throttles[i];
    return found;
}

/* How long until the next attempt; 0: now. */
static int64_t throttle_wait_ms(const struct throttle throttles[THROTTLES], const struct tally *tally,
                                int64_t now_ms)
{
    const struct throttle *throttle = throttle_find(throttles, tally->failures);
    int64_t left_ms = throttle ? tally->failed_ms + throttle->wait_ms - now_ms : 0;

    if (left_ms <= 0)
        return 0;
    return left_ms < throttle->wait_ms ? left_ms : throttle->wait_ms; /* a clock elsewhere may be ahead */
}

/* Whether one more may be open: were all of them to fail, no more guesses were made than failures allow. */
static bool throttle_has_room(const struct throttle throttles[THROTTLES], const struct tally *tally)
{
    if (throttle_find(throttles, tally->failures))
        return tally->open == 0;
    return tally->failures + tally->open < throttles[0].failures;
}

/* ----------------------------------------------------------------------------------------------- reserve */

/* Whether a PIN of @pin_version may be tried at all. */
static enum reason token_standing(const struct token_row *token, uint32_t pin_version)
{
    if (token->locked)
        return REASON_PIN_LOCKED;
    if (!token->enabled)
        return REASON_DISABLED;
    if (token->pin_version == 0)
        return REASON_PIN_NOT_SET;
    return token->pin_version == pin_version ? REASON_NONE : REASON_PIN_CHANGED;
}

/* A request for a code waits longer than a guess would when there is one failure left to make. */
static int64_t attempt_wait_ms(const struct tally *tally, bool is_request, int64_t now_ms)
{
    static const struct throttle last[THROTTLES] = { { ATTEMPT_FAILURES_MAX - 1, REQUEST_LAST_MS },
                                                     { UINT32_MAX, 0 },
                                                     { UINT32_MAX, 0 } };
    int64_t wait_ms = throttle_wait_ms(principal_throttles, tally, now_ms);
    int64_t last_ms = is_request ? throttle_wait_ms(last, tally, now_ms) : 0;

    return wait_ms > last_ms ? wait_ms : last_ms;
}

/*
 * The decision. A request has waited already, so the code that it brought may be given at once. Delays come first:
 * during one, nobody is told to come back in a moment.
 */
static enum reason reserve_decide(const struct ledger *ledger, const struct attempt *attempt, int64_t now_ms,
                                  struct failure *why)
{
    const struct attempt_row *request =
        attempt->is_request ? NULL : ledger_request(ledger, attempt->row.principal_id, now_ms);
    struct tally principal = ledger_tally(ledger, attempt->row.principal_id, request, now_ms);
    struct tally token = ledger_tally_of_token(ledger, now_ms);
    int64_t principal_wait_ms = attempt_wait_ms(&principal, attempt->is_request, now_ms);
    int64_t token_wait_ms = throttle_wait_ms(token_throttles, &token, now_ms);
    enum reason standing = token_standing(&ledger->token, attempt->pin_version);

    if (standing != REASON_NONE)
        return standing;
    if (principal_wait_ms || token_wait_ms) {
        why->retry_after_ms =
            (uint32_t)(principal_wait_ms > token_wait_ms ? principal_wait_ms : token_wait_ms);
        return REASON_PIN_DELAYED;
    }
    if (!throttle_has_room(principal_throttles, &principal) || !throttle_has_room(token_throttles, &token))
        return REASON_BUSY;
    return REASON_NONE;
}

static enum reason reserve(struct access *access, const struct attempt *attempt, int64_t now_ms,
                           struct attempt_row *ret, struct failure *why)
{
    CLEANUP(ledger_clear) struct ledger ledger = { 0 };
    struct attempt_row row = attempt->row;
    enum reason reason, refusal;

    reason = ledger_begin(access, row.token_id, &ledger);
    if (reason == REASON_NONE)
        reason = ledger_fail_stale(access, &ledger, now_ms);
    if (reason != REASON_NONE)
        return reason;

    refusal = reserve_decide(&ledger, attempt, now_ms, why);
    if (refusal == REASON_NONE) {
        reason = access_store_reason(store_attempt_insert(access->store, &row));
        ledger.is_changed = true;
    }
    /* A refusal, too, keeps what it found out: a dead signer's attempt is a failure from here on. */
    if (reason == REASON_NONE && ledger.is_changed)
        reason = ledger_commit(access, &ledger);
    if (reason == REASON_NONE)
        *ret = row;
    return refusal != REASON_NONE ? refusal : reason;
}

static enum reason reserve_for(struct access *access, const struct token_row *token,
                               const struct caller *caller, bool is_request, int64_t now_ms,
                               struct attempt *ret, struct failure *why)
{
    struct attempt attempt = {
        .row = { .token_id = token->id,
                 .principal_id = caller->principal.id,
                 .state = ATTEMPT_RESERVED,
                 .at_ms = now_ms },
        .pin_version = token->pin_version,
        .is_request = is_request,
    };
    enum reason reason;

    if (!caller->is_known)
        return REASON_NOT_PERMITTED;
    reason = reserve(access, &attempt, now_ms, &attempt.row, why);
    if (reason == REASON_BUSY)
        why->retry_after_ms = ATTEMPT_BUSY_RETRY_MS;
    if (reason == REASON_NONE)
        *ret = attempt;
    return reason;
}

enum reason attempt_reserve(struct access *access, const struct token_row *token, const struct caller *caller,
                            int64_t now_ms, struct attempt *ret, struct failure *why)
{
    return reserve_for(access, token, caller, false, now_ms, ret, why);
}

enum reason attempt_reserve_request(struct access *access, const struct token_row *token,
                                    const struct caller *caller, int64_t now_ms, struct attempt *ret,
                                    struct failure *why)
{
    return reserve_for(access, token, caller, true, now_ms, ret, why);
}

/* ------------------------------------------------------------------------------------------------ settle */

/*
 * What each outcome does to the ledger. @own is the reservation among its rows; NULL when it took so long that it
 * became a failure and was forgiven since, or an operator cleared it.
 */
typedef enum reason settle_function(struct access *access, struct ledger *ledger, struct attempt_row *own,
                                    int64_t now_ms);

static enum reason settle_right(struct access *access, struct ledger *ledger, struct attempt_row *own,
                                int64_t now_ms)
{
    enum reason reason = REASON_NONE;
    const struct attempt_row *row;

    if (!own)
        return REASON_NONE;
    /* Other open reservations of this principal are somebody's at this moment: those stay. */
    for (row = ledger->rows; row < ledger->rows + ledger->count && reason == REASON_NONE; row++)
        if (row == own || (row->principal_id == own->principal_id && ledger_is_failure(row, now_ms)))
            reason = access_store_reason(store_attempt_delete(access->store, row->id));
    return reason;
}

static enum reason settle_wrong(struct access *access, struct ledger *ledger, struct attempt_row *own,
                                int64_t now_ms)
{
    if (!own || own->state == ATTEMPT_FAILED)
        return REASON_NONE; /* counted already */
    return ledger_fail(access, ledger, own, now_ms, now_ms);
}

static enum reason settle_given_back(struct access *access, struct ledger *ledger, struct attempt_row *own,
                                     int64_t now_ms)
{
    (void)ledger;
    (void)now_ms;
    return own ? access_store_reason(store_attempt_delete(access->store, own->id)) : REASON_NONE;
}

/* Counts like a wrong one, but locks nothing: the last failure before the lock is made younger instead. */
static enum reason settle_asked(struct access *access, struct ledger *ledger, struct attempt_row *own,
                                int64_t now_ms)
{
    struct attempt_row *row, *newest = NULL;
    enum reason reason;

    if (!own || own->state == ATTEMPT_FAILED)
        return REASON_NONE;
    if (ledger_tally(ledger, own->principal_id, NULL, now_ms).failures < ATTEMPT_FAILURES_MAX - 1)
        return ledger_count(access, ledger, own, ATTEMPT_REQUESTED, now_ms);
    for (row = ledger->rows; row < ledger->rows + ledger->count; row++)
        if (row->principal_id == own->principal_id && row->state != ATTEMPT_RESERVED)
            newest = row;
    reason = settle_given_back(access, ledger, own, now_ms);
    return reason == REASON_NONE && newest ? ledger_count(access, ledger, newest, ATTEMPT_REQUESTED, now_ms)
                                           : reason;
}

static settle_function *const settle_functions[] = {
    [ATTEMPT_RIGHT] = settle_right,
    [ATTEMPT_WRONG] = settle_wrong,
    [ATTEMPT_NOT_CHECKED] = settle_given_back,
    [ATTEMPT_ASKED] = settle_asked,
};

/*
 * What the attempt does to the token's factor. A code that was sent came of a request that was right, as is shown now:
 * it is taken back from the token's total, or every log-in would bring the throttles nearer.
 */
static enum reason change_factor(struct access *access, struct ledger *ledger, const struct attempt *attempt)
{
    struct token_row *token = &ledger->token;
    enum reason reason = factor_apply(access, token, &attempt->change);

    if (reason == REASON_NONE && attempt->change.event == FACTOR_USE_CODE &&
        token->failures_version == token->pin_version && token->failures_total > 0)
        token->failures_total--;
    return reason;
}

static struct attempt_row *ledger_find(const struct ledger *ledger, int64_t id)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->rows[i].id == id)
            return &ledger->rows[i];
    return NULL;
}

enum reason attempt_settle(struct access *access, struct token_row *token, const struct attempt *attempt,
                           enum attempt_outcome outcome, int64_t now_ms, uint32_t *ret_tries_left)
{
    CLEANUP(ledger_clear) struct ledger ledger = { 0 };
    enum reason reason, late = REASON_NONE;
    uint32_t failures;

    reason = ledger_begin(access, attempt->row.token_id, &ledger);
    if (reason != REASON_NONE)
        return reason;
    /* Since the reservation another may have locked the token or changed its PIN: then a right one is too late. */
    if (outcome == ATTEMPT_RIGHT || outcome == ATTEMPT_ASKED)
        late = token_standing(&ledger.token, attempt->pin_version);
    if (late != REASON_NONE)
        outcome = ATTEMPT_NOT_CHECKED;
    if (outcome == ATTEMPT_RIGHT || outcome == ATTEMPT_ASKED)
        reason = change_factor(access, &ledger, attempt);
    if (reason == REASON_PIN_INCORRECT) {
        late = reason;
        outcome = ATTEMPT_WRONG;
    } else if (reason != REASON_NONE) {
        return reason;
    }

    reason = settle_functions[outcome](access, &ledger, ledger_find(&ledger, attempt->row.id), now_ms);
    if (reason == REASON_NONE)
        reason = ledger_commit(access, &ledger);
    if (reason != REASON_NONE)
        return reason;
    failures = ledger_tally(&ledger, attempt->row.principal_id, NULL, now_ms).failures;
    *ret_tries_left =
        ledger.token.locked || failures > ATTEMPT_FAILURES_MAX ? 0 : ATTEMPT_FAILURES_MAX - failures;
    *token = ledger.token;
    return late;
}

/* ----------------------------------------------------------------------------------------- state and clear */

static Privyseal__V1__PinState pin_state(const struct token_row *token, uint32_t failures, bool is_delayed)
{
    if (token->pin_version == 0)
        return PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET;
    if (token->locked)
        return PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED;
    if (is_delayed)
        return PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED;
    if (failures >= ATTEMPT_FAILURES_MAX - 1)
        return PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY;
    return failures ? PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW : PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK;
}

enum reason attempt_state(struct access *access, const struct token_row *token, const struct caller *caller,
                          int64_t now_ms, Privyseal__V1__PinState *ret, uint32_t *ret_retry_after_ms,
                          uint32_t *ret_failures)
{
    CLEANUP(ledger_clear) struct ledger ledger = { 0 };
    struct tally all, asked;
    int64_t all_wait_ms, wait_ms;
    enum reason reason;

    reason = ledger_peek(access, token, &ledger);
    if (reason != REASON_NONE)
        return reason;
    all = ledger_tally_of_token(&ledger, now_ms);
    asked = caller ? ledger_tally(&ledger, caller->principal.id, NULL, now_ms)
                   : ledger_tally_of_worst(&ledger, now_ms);
    all_wait_ms = throttle_wait_ms(token_throttles, &all, now_ms);
    wait_ms = throttle_wait_ms(principal_throttles, &asked, now_ms);
    if (wait_ms < all_wait_ms)
        wait_ms = all_wait_ms;

    *ret = pin_state(&ledger.token, asked.failures, wait_ms > 0);
    *ret_retry_after_ms = *ret == PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED ? (uint32_t)wait_ms : 0;
    *ret_failures = asked.failures;
    return REASON_NONE;
}

enum reason attempt_forgive(struct access *access, struct token_row *token)
{
    token->locked = false; /* the total stays: who may unlock, and has a device, guesses no faster for it */
    memset(token->attempts, 0, sizeof(token->attempts)); /* the digest of none */
    return access_store_reason(store_attempt_clear(access->store, token->id, 0));
}

enum reason attempt_clear(struct access *access, struct token_row *token)
{
    CLEANUP(ledger_clear) struct ledger ledger = { 0 };
    enum reason reason;

    reason = ledger_begin(access, token->id, &ledger);
    if (reason == REASON_NONE)
        reason = attempt_forgive(access, &ledger.token);
    if (reason != REASON_NONE)
        return reason;
    reason = ledger_commit(access, &ledger);
    if (reason == REASON_NONE)
        *token = ledger.token;
    return reason;
}
