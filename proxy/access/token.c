/* SPDX-License-Identifier: Apache-2.0 */
/* token.c - a token's row read, believed and written. */
#include "proxy/access/token.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

/* @r is how reading @row went; @is_it: whether it is the one that was asked for (row_load.h). */
static enum reason token_believe(struct access *access, int r, bool is_it, const struct token_row *row,
                                 struct token_row *ret)
{
    enum reason reason;

    if (r == -ENOENT)
        return REASON_NOT_PERMITTED;
    if (r < 0)
        return access_store_reason(r);
    reason = row_check_token(access, row);
    if (reason != REASON_NONE)
        return reason;
    if (!is_it || !sequences_remember(&access->tokens_seen, row->serial, row->sequence))
        return REASON_INTEGRITY;
    *ret = *row;
    return REASON_NONE;
}

enum reason token_load(struct access *access, const char *name, struct token_row *ret)
{
    struct token_row row;
    int r = store_token_by_name(access->store, name, &row);

    return token_believe(access, r, r == 0 && strcmp(row.name, name) == 0, &row, ret);
}

enum reason token_reload(struct access *access, int64_t id, struct token_row *ret)
{
    struct token_row row;
    int r = store_token_by_id(access->store, id, &row);

    return token_believe(access, r, r == 0 && row.id == id, &row, ret);
}

enum reason token_save(struct access *access, struct token_row *row)
{
    struct token_row next = *row;
    enum reason reason;

    next.sequence++;
    reason = row_mac_token(access, &next);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_token_update(access->store, &next, row->sequence));
    if (reason == REASON_NONE)
        *row = next;
    return reason;
}

enum reason token_commit(struct access *access, const struct token_row *row)
{
    int r = store_commit(access->store);

    if (r < 0) {
        store_rollback(access->store);
        return access_store_reason(r);
    }
    return sequences_remember(&access->tokens_seen, row->serial, row->sequence) ? REASON_NONE
                                                                                : REASON_INTEGRITY;
}
