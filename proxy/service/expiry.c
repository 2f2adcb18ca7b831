/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.c - certificates near their end, and whom to tell. */
#include "proxy/service/expiry.h"

#include <stdio.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"

#define DAY_MS  86400000LL
#define HOUR_MS 3600000LL
#define ROUND   200 /* certificates looked at in one transaction's time */

/* Days before the end, the first notice first. */
static const unsigned thresholds[] = { 60, 30, 7, 1 };

/* The threshold that was reached; 0: none yet. */
static unsigned threshold_of(const struct issued_row *row, int64_t now_ms)
{
    unsigned reached = 0;

    for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++)
        if (row->not_after_ms - now_ms <= thresholds[i] * DAY_MS)
            reached = thresholds[i];
    return reached;
}

static bool is_due(const struct issued_row *row, int64_t now_ms)
{
    unsigned days = threshold_of(row, now_ms);

    return row->profile == ISSUE_DOCUMENT && days > 0 && (row->notice_days == 0 || days < row->notice_days);
}

/* Marked before it is sent: a notice that is lost is better than one that never ends. */
static enum reason mark(struct service *service, const uint8_t serial[ISSUED_SERIAL_LEN], int64_t now_ms,
                        struct issued_row *ret, bool *ret_is_ours)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    *ret_is_ours = false;
    if (reason != REASON_NONE)
        return reason;
    reason = issued_load(&service->access, serial, ret);
    if (reason == REASON_NONE && !ret->revoked_ms && is_due(ret, now_ms)) {
        ret->notice_days = threshold_of(ret, now_ms);
        *ret_is_ours = true;
        reason = issued_save(&service->access, ret);
    }
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

static void tell(struct service *service, const struct issued_row *row, int64_t now_ms)
{
    struct notice notice = { .event = "certificate.expiring", .user = row->owner };
    char serial[2 * ISSUED_SERIAL_LEN + 1], days[16];

    hex_encode(BYTES_OF_ARRAY(row->serial), serial);
    snprintf(days, sizeof(days), "%lld", (long long)((row->not_after_ms - now_ms) / DAY_MS));
    notice_add(&notice, "subject", row->subject);
    notice_add(&notice, "serial", serial);
    notice_add(&notice, "days", days);
    notice_send(service, &notice);
}

static enum reason tell_due(struct service *service, const struct issued_row *rows, size_t count,
                            int64_t now_ms)
{
    enum reason reason = REASON_NONE;

    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        struct issued_row row;
        bool is_ours;

        if (!is_due(&rows[i], now_ms))
            continue;
        reason = mark(service, rows[i].serial, now_ms, &row, &is_ours);
        if (reason == REASON_NONE && is_ours)
            tell(service, &row, now_ms);
    }
    return reason;
}

/* A page, by end of validity; the next tick goes on behind it. */
static enum reason look(struct service *service, int64_t now_ms)
{
    struct expiry *expiry = &service->expiry;
    CLEANUP(free) void *memory = NULL;
    struct issued_row *rows = NULL;
    size_t count = 0;
    int r = store_issued_ending(service->access.store, expiry->after_ms > now_ms ? expiry->after_ms : now_ms,
                                expiry->after_id, now_ms + thresholds[0] * DAY_MS, ROUND, &rows, &count);

    memory = rows;
    if (r < 0)
        return refusal_of_store(r);
    if (count < ROUND)
        *expiry = (struct expiry){ .next_ms = now_ms + HOUR_MS };
    else
        *expiry = (struct expiry){ .after_ms = rows[count - 1].not_after_ms, .after_id = rows[count - 1].id };
    return tell_due(service, rows, count, now_ms);
}

void expiry_tick(struct service *service, int64_t now_ms)
{
    enum reason reason;

    if (now_ms < service->expiry.next_ms)
        return;
    reason = look(service, now_ms);
    if (reason == REASON_NONE)
        return;
    service->expiry.next_ms = now_ms + HOUR_MS / 60;
    log_event(LOG_LEVEL_WARNING, "expiry.kept", "reason=%s", reason_row(reason)->word);
}
