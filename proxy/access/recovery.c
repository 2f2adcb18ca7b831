/* SPDX-License-Identifier: Apache-2.0 */
/* recovery.c - rows that are believed together or not at all. */
#include "proxy/access/recovery.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

void recovery_clear(struct recovery *recovery)
{
    access_row_clear(&recovery->code);
    access_row_clear(&recovery->joined);
    share_rows_free(recovery->shares, recovery->share_count);
    *recovery = (struct recovery){ 0 };
}

bool recovery_is_pending(const struct quorum_row *quorum, int64_t now_ms)
{
    return quorum->until_ms > now_ms;
}

/* ------------------------------------------------------------------------------------------------- reading */

/* One access row, if there is one. @is_alike: a MAC is made where none is checked. */
static enum reason read_access(struct access *access, int64_t token_id, enum access_kind kind, bool is_alike,
                               struct access_row *ret, bool *ret_is_there)
{
    struct access_row made_up = { .kind = kind };
    enum reason reason = row_load_access(access, token_id, kind, ret);

    *ret_is_there = reason == REASON_NONE;
    if (reason != REASON_NOT_FOUND)
        return reason;
    return is_alike ? row_mac_access(access, &made_up) : REASON_NONE;
}

static enum reason read_quorum(struct access *access, int64_t token_id, bool is_alike,
                               struct recovery *recovery)
{
    int r = store_quorum_get(access->store, token_id, &recovery->quorum);

    if (r == -ENOENT && !is_alike)
        return REASON_NONE;
    if (r == 0 || r == -ENOENT)
        r = store_share_list(access->store, token_id, &recovery->shares, &recovery->share_count);
    return access_store_reason(r);
}

static enum reason read_all(struct access *access, int64_t token_id, bool is_alike, struct recovery *ret)
{
    enum reason reason = read_access(access, token_id, ACCESS_RECOVERY, is_alike, &ret->code, &ret->has_code);

    if (reason == REASON_NONE)
        reason = read_access(access, token_id, ACCESS_QUORUM, is_alike, &ret->joined, &ret->has_quorum);
    return reason == REASON_NONE ? read_quorum(access, token_id, is_alike, ret) : reason;
}

static bool has_ways(const struct token_row *token)
{
    static const uint8_t none[HASH_LEN];

    return memcmp(token->recovery, none, sizeof(none)) != 0;
}

static enum reason load(struct access *access, const struct token_row *token, bool is_alike,
                        struct recovery *ret)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    uint8_t digest[HASH_LEN];
    enum reason reason = read_all(access, token->id, is_alike, &recovery);

    if (!has_ways(token)) { /* whatever lies in the tables, nobody put it there for this token */
        *ret = (struct recovery){ 0 };
        return reason == REASON_INTEGRITY ? REASON_NONE : reason;
    }
    if (reason == REASON_NONE)
        reason = row_digest_recovery(&recovery, digest);
    if (reason != REASON_NONE)
        return reason;
    if (!bytes_equal(BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(token->recovery)))
        return REASON_INTEGRITY;
    *ret = recovery;
    recovery = (struct recovery){ 0 };
    return REASON_NONE;
}

enum reason recovery_load(struct access *access, const struct token_row *token, struct recovery *ret)
{
    if (has_ways(token))
        return load(access, token, false, ret);
    *ret = (struct recovery){ 0 };
    return REASON_NONE;
}

enum reason recovery_load_alike(struct access *access, const struct token_row *token, struct recovery *ret)
{
    return load(access, token, true, ret);
}

/* ------------------------------------------------------------------------------------------------- writing */

enum reason recovery_prepare(struct access *access, const struct token_row *token)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    int r;

    if (has_ways(token))
        return recovery_load(access, token, &recovery);
    r = store_access_delete(access->store, token->id, ACCESS_RECOVERY);
    if (r == 0)
        r = store_access_delete(access->store, token->id, ACCESS_QUORUM);
    if (r == 0)
        r = store_quorum_delete(access->store, token->id);
    return access_store_reason(r);
}

enum reason recovery_bind(struct access *access, struct token_row *token)
{
    CLEANUP(recovery_clear) struct recovery recovery = { 0 };
    enum reason reason = read_all(access, token->id, false, &recovery);

    if (reason == REASON_NONE)
        reason = row_digest_recovery(&recovery, token->recovery);
    if (reason != REASON_NONE)
        return reason;
    token->recovery_bits &= RECOVERY_KEPT | RECOVERY_HSM; /* what its partition was made with, it stays */
    token->recovery_bits |= recovery.has_code ? RECOVERY_CODE : 0;
    token->recovery_bits |= recovery.has_quorum ? RECOVERY_QUORUM : 0;
    token->recovery_bits |= recovery.quorum.until_ms > 0 ? RECOVERY_PENDING : 0;
    return REASON_NONE;
}

/* ------------------------------------------------------------------------------------------------ throttle */

int64_t recovery_wait_ms(const struct token_row *token, int64_t now_ms)
{
    int64_t left_ms = token->recovery_failed_ms + RECOVERY_WAIT_MS - now_ms;

    if (token->recovery_failures < RECOVERY_FREE || left_ms <= 0)
        return 0;
    return left_ms < RECOVERY_WAIT_MS ? left_ms : RECOVERY_WAIT_MS; /* a clock elsewhere may be ahead */
}

static enum reason count_failure(struct access *access, struct token_row *token, int64_t now_ms)
{
    enum reason reason = token_reload(access, token->id, token);

    if (reason != REASON_NONE)
        return reason;
    if (token->recovery_failures < UINT32_MAX)
        token->recovery_failures++;
    token->recovery_failed_ms = now_ms;
    reason = token_save(access, token);
    return reason == REASON_NONE ? token_commit(access, token) : reason;
}

enum reason recovery_count_failure(struct access *access, struct token_row *token, int64_t now_ms)
{
    enum reason reason = access_store_reason(store_begin(access->store));

    if (reason != REASON_NONE)
        return reason;
    reason = count_failure(access, token, now_ms);
    if (reason != REASON_NONE)
        store_rollback(access->store);
    return reason;
}
