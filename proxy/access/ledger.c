/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c - read and proved whole, changed, and written back with a new digest under a new MAC. */
#include "proxy/access/ledger.h"

#include "proxy/access/access.h"

void ledger_clear(struct ledger *ledger)
{
    if (ledger->transaction)
        store_rollback(ledger->transaction);
    free(ledger->rows);
    *ledger = (struct ledger){ 0 };
}

static bool attempt_is_stale(const struct attempt_row *row, int64_t now_ms)
{
    return row->state == ATTEMPT_RESERVED && row->at_ms + ATTEMPT_LIFE_MS <= now_ms;
}

bool ledger_is_failure(const struct attempt_row *row, int64_t now_ms)
{
    return row->state != ATTEMPT_RESERVED || attempt_is_stale(row, now_ms);
}

const struct attempt_row *ledger_request(const struct ledger *ledger, int64_t principal_id, int64_t now_ms)
{
    const struct attempt_row *row, *newest = NULL;

    for (row = ledger->rows; row < ledger->rows + ledger->count; row++)
        if (row->principal_id == principal_id && row->state == ATTEMPT_REQUESTED &&
            row->at_ms + SENT_CODE_LIFE_MS > now_ms && (!newest || row->at_ms >= newest->at_ms))
            newest = row;
    return newest;
}

struct tally ledger_tally(const struct ledger *ledger, int64_t principal_id, const struct attempt_row *but,
                          int64_t now_ms)
{
    struct tally tally = { 0 };
    const struct attempt_row *row;

    for (row = ledger->rows; row < ledger->rows + ledger->count; row++) {
        if (row->principal_id != principal_id || row == but)
            continue;
        if (!ledger_is_failure(row, now_ms)) {
            tally.open++;
            continue;
        }
        tally.failures++;
        if (row->at_ms > tally.failed_ms)
            tally.failed_ms = row->at_ms;
    }
    return tally;
}

struct tally ledger_tally_of_worst(const struct ledger *ledger, int64_t now_ms)
{
    struct tally worst = { 0 }, tally;

    for (size_t i = 0; i < ledger->count; i++) {
        tally = ledger_tally(ledger, ledger->rows[i].principal_id, NULL, now_ms);
        if (tally.failures > worst.failures)
            worst = tally;
    }
    return worst;
}

struct tally ledger_tally_of_token(const struct ledger *ledger, int64_t now_ms)
{
    const struct token_row *token = &ledger->token;
    struct tally tally = { .failed_ms = token->failed_ms };

    if (token->failures_version == token->pin_version)
        tally.failures = token->failures_total;
    for (size_t i = 0; i < ledger->count; i++)
        if (!ledger_is_failure(&ledger->rows[i], now_ms))
            tally.open++;
    return tally;
}

static enum reason ledger_list(struct access *access, struct ledger *ledger)
{
    free(TAKE(ledger->rows));
    ledger->count = 0;
    return access_store_reason(
        store_attempt_list(access->store, ledger->token.id, &ledger->rows, &ledger->count));
}

/* Reads the rows that belong to ledger->token. Errors: REASON_INTEGRITY when they are not those it knows of. */
static enum reason ledger_read(struct access *access, struct ledger *ledger)
{
    uint8_t digest[HASH_LEN];
    enum reason reason = ledger_list(access, ledger);

    if (reason == REASON_NONE)
        reason = row_digest_attempts(ledger->rows, ledger->count, digest);
    if (reason == REASON_NONE && !bytes_equal(BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(ledger->token.attempts)))
        reason = REASON_INTEGRITY;
    return reason;
}

enum reason ledger_begin(struct access *access, int64_t token_id, struct ledger *ledger)
{
    enum reason reason = access_store_reason(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    ledger->transaction = access->store;
    reason = token_reload(access, token_id, &ledger->token);
    if (reason == REASON_NONE)
        reason = ledger_read(access, ledger);
    return reason;
}

/* Reads without the write lock where it can: token and rows are two reads, between which another may write. */
enum reason ledger_peek(struct access *access, const struct token_row *token, struct ledger *ledger)
{
    enum reason reason;

    ledger->token = *token;
    reason = ledger_read(access, ledger);
    if (reason != REASON_INTEGRITY)
        return reason;
    return ledger_begin(access, token->id, ledger);
}

enum reason ledger_commit(struct access *access, struct ledger *ledger)
{
    enum reason reason = ledger_list(access, ledger);

    if (reason == REASON_NONE)
        reason = row_digest_attempts(ledger->rows, ledger->count, ledger->token.attempts);
    if (reason == REASON_NONE)
        reason = token_save(access, &ledger->token);
    if (reason == REASON_NONE)
        reason = token_commit(access, &ledger->token);
    if (reason == REASON_NONE)
        ledger->transaction = NULL;
    return reason;
}

enum reason ledger_count(struct access *access, struct ledger *ledger, struct attempt_row *row,
                         enum attempt_state state, int64_t at_ms)
{
    struct token_row *token = &ledger->token;

    row->state = state;
    row->at_ms = at_ms;
    ledger->is_changed = true;
    if (token->failures_version != token->pin_version) {
        token->failures_version = token->pin_version;
        token->failures_total = 0;
    }
    if (token->failures_total < UINT32_MAX)
        token->failures_total++;
    return access_store_reason(store_attempt_set(access->store, row));
}

enum reason ledger_fail(struct access *access, struct ledger *ledger, struct attempt_row *row, int64_t at_ms,
                        int64_t now_ms)
{
    struct token_row *token = &ledger->token;
    enum reason reason = ledger_count(access, ledger, row, ATTEMPT_FAILED, at_ms);

    if (token->failed_ms < at_ms)
        token->failed_ms = at_ms;
    if (ledger_tally(ledger, row->principal_id, NULL, now_ms).failures >= ATTEMPT_FAILURES_MAX)
        token->locked = true;
    return reason;
}

enum reason ledger_fail_stale(struct access *access, struct ledger *ledger, int64_t now_ms)
{
    enum reason reason = REASON_NONE;

    for (size_t i = 0; i < ledger->count && reason == REASON_NONE; i++)
        if (attempt_is_stale(&ledger->rows[i], now_ms))
            reason = ledger_fail(access, ledger, &ledger->rows[i], ledger->rows[i].at_ms, now_ms);
    return reason;
}
