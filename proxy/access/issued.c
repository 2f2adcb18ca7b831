/* SPDX-License-Identifier: Apache-2.0 */
/* issued.c - certificates that this deployment issued: rows read, believed, revoked. */
#include "proxy/access/issued.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proxy/access/access.h"

static const struct crl_word {
    enum crl_reason reason;
    const char *word;
} crl_words[] = {
    { CRL_UNSPECIFIED, "unspecified" },
    { CRL_KEY_COMPROMISE, "keyCompromise" },
    { CRL_AFFILIATION_CHANGED, "affiliationChanged" },
    { CRL_SUPERSEDED, "superseded" },
    { CRL_CESSATION, "cessationOfOperation" },
    { CRL_HOLD, "certificateHold" },
    { CRL_REMOVE_FROM_CRL, "removeFromCRL" },
    { CRL_PRIVILEGE_WITHDRAWN, "privilegeWithdrawn" },
};

const char *crl_reason_word(enum crl_reason reason)
{
    const struct crl_word *row;

    for (EACH_ROW(row, crl_words))
        if (row->reason == reason)
            return row->word;
    return NULL;
}

int crl_reason_of_word(const char *word, enum crl_reason *ret)
{
    const struct crl_word *row;

    for (EACH_ROW(row, crl_words))
        if (strcmp(row->word, word) == 0) {
            *ret = row->reason;
            return 0;
        }
    return -ENOENT;
}

/* ------------------------------------------------------------------------------------------- the authority */

/* Never issued anything, so there is nothing whose revocation a missing row could hide. */
static enum reason authority_add(struct access *access, enum authority authority, struct authority_row *ret)
{
    struct authority_row row = { .authority = authority, .sequence = 1 };
    enum reason reason;
    uint64_t count;
    int r = store_issued_count(access->store, authority, &count);

    if (r < 0)
        return access_store_reason(r);
    if (count > 0 || access->authority_sequence[authority] > 0)
        return REASON_INTEGRITY;
    reason = row_mac_authority(access, &row);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_authority_insert(access->store, &row));
    if (reason == REASON_NONE)
        *ret = row;
    return reason;
}

enum reason authority_load(struct access *access, enum authority authority, struct authority_row *ret)
{
    struct authority_row row;
    enum reason reason;
    int r = store_authority_get(access->store, authority, &row);

    if (r == -ENOENT)
        return authority_add(access, authority, ret);
    if (r < 0)
        return access_store_reason(r);
    reason = row_check_authority(access, &row);
    if (reason != REASON_NONE)
        return reason;
    if (row.authority != authority || row.sequence < access->authority_sequence[authority])
        return REASON_INTEGRITY;
    *ret = row;
    return REASON_NONE;
}

enum reason authority_save(struct access *access, struct authority_row *row)
{
    struct authority_row next = *row;
    enum reason reason;

    next.sequence++;
    reason = row_mac_authority(access, &next);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_authority_update(access->store, &next, row->sequence));
    if (reason == REASON_NONE)
        *row = next;
    return reason;
}

enum reason authority_remember(struct access *access, const struct authority_row *row)
{
    if (row->sequence < access->authority_sequence[row->authority])
        return REASON_INTEGRITY;
    access->authority_sequence[row->authority] = row->sequence;
    return REASON_NONE;
}

/* ---------------------------------------------------------------------------------------- one certificate */

enum reason issued_insert(struct access *access, struct issued_row *row)
{
    struct authority_row authority;
    enum reason reason =
        authority_load(access, row->authority, &authority); /* it is there before the first */

    if (reason == REASON_NONE)
        reason = row_mac_issued(access, row);
    return reason == REASON_NONE ? access_store_reason(store_issued_insert(access->store, row)) : reason;
}

enum reason issued_load(struct access *access, const uint8_t serial[ISSUED_SERIAL_LEN],
                        struct issued_row *ret)
{
    struct issued_row row;
    enum reason reason;
    int r = store_issued_by_serial(access->store, serial, &row);

    if (r < 0)
        return r == -ENOENT ? REASON_NOT_FOUND : access_store_reason(r);
    reason = row_check_issued(access, &row);
    if (reason == REASON_NONE && memcmp(row.serial, serial, ISSUED_SERIAL_LEN) != 0)
        reason = REASON_INTEGRITY; /* row_load.h */
    if (reason == REASON_NONE)
        *ret = row;
    return reason;
}

enum reason issued_save(struct access *access, struct issued_row *row)
{
    enum reason reason = row_mac_issued(access, row);

    return reason == REASON_NONE ? access_store_reason(store_issued_update(access->store, row)) : reason;
}

/* --------------------------------------------------------------------------------------------- revocations */

static enum reason list_revoked(struct access *access, enum authority authority, int64_t after_ms,
                                struct issued_row **ret_rows, size_t *ret_count, uint8_t ret_digest[HASH_LEN])
{
    int r = store_issued_revoked(access->store, authority, after_ms, ret_rows, ret_count);

    return r < 0 ? access_store_reason(r) : row_digest_revoked(*ret_rows, *ret_count, ret_digest);
}

enum reason issued_revoked(struct access *access, const struct authority_row *row,
                           struct issued_row **ret_rows, size_t *ret_count)
{
    CLEANUP(free) void *memory = NULL;
    struct issued_row *rows = NULL;
    uint8_t digest[HASH_LEN];
    size_t count = 0;
    enum reason reason = list_revoked(access, row->authority, row->as_of_ms, &rows, &count, digest);

    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    if (memcmp(digest, row->revoked, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    *ret_rows = TAKE(memory);
    *ret_count = count;
    return REASON_NONE;
}

static bool may_become(const struct issued_row *row, enum crl_reason reason)
{
    if (row->revoked_ms && row->crl_reason != CRL_HOLD)
        return false;
    if (reason == CRL_REMOVE_FROM_CRL)
        return row->revoked_ms > 0;
    return !row->revoked_ms || reason != CRL_HOLD;
}

/* @row is believed. A certificate that was on hold keeps the time since when it was not good. */
static enum reason revoke_one(struct access *access, struct issued_row *row, enum crl_reason reason,
                              int64_t now_ms)
{
    bool is_taken_back = reason == CRL_REMOVE_FROM_CRL;

    row->revoked_ms = is_taken_back ? 0 : row->revoked_ms ? row->revoked_ms : now_ms;
    row->crl_reason = is_taken_back ? 0 : reason;
    return issued_save(access, row);
}

/* The digest of what is stored now, without what has expired. What it was before was believed before. */
static enum reason save_revocations(struct access *access, struct authority_row *row, int64_t now_ms)
{
    struct issued_row *rows = NULL;
    size_t count = 0;
    enum reason reason = list_revoked(access, row->authority, now_ms, &rows, &count, row->revoked);

    free(rows);
    if (reason != REASON_NONE)
        return reason;
    row->as_of_ms = now_ms;
    row->crl_until_ms = 0;
    return authority_save(access, row);
}

/* Those that are revoked already are as they were, or nothing is revoked until somebody has looked. */
static enum reason load_revocations(struct access *access, enum authority authority,
                                    struct authority_row *ret)
{
    struct issued_row *rows = NULL;
    size_t count = 0;
    enum reason reason = authority_load(access, authority, ret);

    if (reason == REASON_NONE)
        reason = issued_revoked(access, ret, &rows, &count);
    free(rows);
    return reason;
}

enum reason issued_revoke(struct access *access, enum authority authority, struct issued_row *rows,
                          size_t count, enum crl_reason crl_reason, int64_t now_ms, size_t *ret_changed)
{
    struct authority_row row;
    enum reason reason = load_revocations(access, authority, &row);

    *ret_changed = 0;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        if (rows[i].authority != authority || rows[i].not_after_ms <= now_ms)
            continue;
        reason = row_check_issued(access, &rows[i]);
        if (reason != REASON_NONE || !may_become(&rows[i], crl_reason))
            continue;
        reason = revoke_one(access, &rows[i], crl_reason, now_ms);
        (*ret_changed)++;
    }
    if (reason != REASON_NONE || *ret_changed == 0)
        return reason;
    return save_revocations(access, &row, now_ms);
}
