/* SPDX-License-Identifier: Apache-2.0 */
/* grants.c - a token's grants, compared with the digest in its row before one of them is believed. */
#include "proxy/access/grants.h"

#include <string.h>

#include "proxy/access/access.h"

struct grant_rows {
    struct grant_row *rows;
    size_t count;
};

static void grant_rows_clear(struct grant_rows *grants)
{
    free(grants->rows);
}
DEFINE_CLEAR(grant_rows_clear, struct grant_rows);

static enum reason list_grants(struct access *access, const struct token_row *token, struct grant_rows *ret,
                               uint8_t ret_digest[HASH_LEN])
{
    int r = store_grant_list(access->store, token->id, &ret->rows, &ret->count);

    return r < 0 ? access_store_reason(r) : row_digest_grants(ret->rows, ret->count, ret_digest);
}

static enum reason load_grants(struct access *access, const struct token_row *token, struct grant_rows *ret)
{
    uint8_t digest[HASH_LEN];
    enum reason reason = list_grants(access, token, ret, digest);

    if (reason != REASON_NONE)
        return reason;
    return memcmp(digest, token->grants, HASH_LEN) == 0 ? REASON_NONE : REASON_INTEGRITY;
}

enum reason grant_get_own(struct access *access, const struct token_row *token, int64_t principal_id,
                          unsigned *ret_bits)
{
    CLEANUP(grant_rows_clear) struct grant_rows grants = { 0 };
    enum reason reason = load_grants(access, token, &grants);

    if (reason != REASON_NONE)
        return reason;
    *ret_bits = 0;
    for (size_t i = 0; i < grants.count; i++)
        if (grants.rows[i].principal_id == principal_id)
            *ret_bits = grants.rows[i].bits;
    return REASON_NONE;
}

enum reason grant_list_checked(struct access *access, const struct token_row *token,
                               struct grant_row **ret_rows, size_t *ret_count)
{
    CLEANUP(grant_rows_clear) struct grant_rows grants = { 0 };
    enum reason reason = load_grants(access, token, &grants);

    if (reason != REASON_NONE)
        return reason;
    *ret_rows = TAKE(grants.rows);
    *ret_count = grants.count;
    return REASON_NONE;
}

/* Its own user has all there is, so nobody looks for more. */
enum reason grant_get(struct access *access, const struct token_row *token, int64_t principal_id,
                      unsigned *ret_bits)
{
    enum reason reason = grant_get_own(access, token, principal_id, ret_bits);
    unsigned of_groups = 0;

    if (reason != REASON_NONE || *ret_bits == GRANT_ALL)
        return reason;
    reason = group_grants_on(access, token, principal_id, &of_groups);
    *ret_bits |= of_groups;
    return reason;
}

enum reason grant_put(struct access *access, struct token_row *token, int64_t principal_id, unsigned bits)
{
    CLEANUP(grant_rows_clear) struct grant_rows before = { 0 };
    CLEANUP(grant_rows_clear) struct grant_rows after = { 0 };
    /* What is not true already must not become so by being put under a new digest. */
    enum reason reason = load_grants(access, token, &before);

    if (reason == REASON_NONE)
        reason = access_store_reason(store_grant_put(access->store, principal_id, token->id, bits));
    return reason == REASON_NONE ? list_grants(access, token, &after, token->grants) : reason;
}
