/* SPDX-License-Identifier: Apache-2.0 */
/* enrolment_attempts.c - one row for a name, read, believed and written in one transaction. */
#include "proxy/access/enrolment_attempts.h"

#include <errno.h>
#include <stdio.h>

#include "include/table.h"
#include "proxy/access/access.h"

#define DAY_MS INT64_C(86400000)

static const struct delay {
    uint32_t failures;
    int64_t wait_ms; /* after the last failure */
} delays[] = { { 5, 60000 }, { 6, 300000 }, { 7, 3600000 }, { 10, DAY_MS } };

/* What was begun and not committed is undone. */
static void transaction_clear(struct store **transaction)
{
    if (*transaction)
        store_rollback(*transaction);
}
DEFINE_CLEAR(transaction_clear, struct store *);

/* A row that was there once and is gone has sequence 0: older than what was seen. */
static enum reason believe(struct access *access, const struct enrolment_row *row)
{
    char name[16];

    snprintf(name, sizeof(name), "%u", row->slot);
    return sequences_remember(&access->enrolments_seen, name, row->sequence) ? REASON_NONE : REASON_INTEGRITY;
}

static enum reason load(struct access *access, uint32_t slot, struct enrolment_row *ret)
{
    int r = store_enrolment_get(access->store, slot, ret);
    enum reason reason;

    if (r < 0 && r != -ENOENT)
        return access_store_reason(r);
    if (r == 0) {
        reason = row_check_enrolment(access, ret);
    } else { /* a MAC nonetheless: whether anybody has tried before shows in nothing */
        *ret = (struct enrolment_row){ .slot = slot };
        reason = row_mac_enrolment(access, ret);
    }
    if (reason == REASON_NONE && ret->slot != slot)
        reason = REASON_INTEGRITY;
    return reason == REASON_NONE ? believe(access, ret) : reason;
}

static enum reason save(struct access *access, struct enrolment_row *row)
{
    uint64_t old_sequence = row->sequence++;
    enum reason reason = row_mac_enrolment(access, row);

    if (reason == REASON_NONE)
        reason = access_store_reason(store_enrolment_put(access->store, row, old_sequence));
    return reason == REASON_NONE ? access_store_reason(store_commit(access->store)) : reason;
}

static void forget_old(struct enrolment_row *row, int64_t now_ms)
{
    int64_t days = now_ms > row->failed_ms ? (now_ms - row->failed_ms) / DAY_MS : 0;

    row->failures = days < row->failures ? row->failures - (uint32_t)days : 0;
}

/* How long until the next attempt; 0: now. */
static int64_t wait_of(const struct enrolment_row *row, int64_t now_ms)
{
    const struct delay *delay;
    int64_t wait_ms = 0, left_ms;

    for (EACH_ROW(delay, delays))
        if (row->failures >= delay->failures)
            wait_ms = delay->wait_ms;
    left_ms = row->failed_ms + wait_ms - now_ms;
    return left_ms < 0 ? 0 : left_ms > wait_ms ? wait_ms : left_ms; /* a clock elsewhere may be ahead */
}

enum reason enrolment_attempt_take(struct access *access, const uint8_t key[HASH_LEN], int64_t now_ms,
                                   struct enrolment_attempt *ret, struct failure *why)
{
    CLEANUP(transaction_clear) struct store *transaction = NULL;
    uint32_t slot = (uint32_t)key[0] << 8 | key[1];
    enum reason reason = access_store_reason(store_begin(access->store));
    struct enrolment_row row;
    int64_t wait_ms;

    _Static_assert(ENROLMENT_SLOTS == 1 << 16, "two bytes choose one");
    if (reason != REASON_NONE)
        return reason;
    transaction = access->store;
    reason = load(access, slot, &row);
    if (reason != REASON_NONE)
        return reason;
    forget_old(&row, now_ms);
    wait_ms = wait_of(&row, now_ms);
    if (wait_ms) {
        why->retry_after_ms = (uint32_t)wait_ms;
        return REASON_PIN_DELAYED;
    }
    row.failures++;
    row.failed_ms = now_ms;
    reason = save(access, &row);
    if (reason != REASON_NONE)
        return reason;
    transaction = NULL;
    ret->slot = slot;
    return REASON_NONE;
}

enum reason enrolment_attempt_give_back(struct access *access, const struct enrolment_attempt *attempt)
{
    CLEANUP(transaction_clear) struct store *transaction = NULL;
    enum reason reason = access_store_reason(store_begin(access->store));
    struct enrolment_row row;

    if (reason != REASON_NONE)
        return reason;
    transaction = access->store;
    reason = load(access, attempt->slot, &row);
    if (reason != REASON_NONE)
        return reason;
    row.failures -= row.failures > 0;
    reason = save(access, &row);
    if (reason == REASON_NONE)
        transaction = NULL;
    return reason;
}
