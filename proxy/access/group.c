/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - groups of tokens, their members and grants: read, believed, written. */
#include "proxy/access/group.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

/* @r is how reading @row went; @is_it: whether it is the one that was asked for (row_load.h). */
static enum reason group_believe(struct access *access, int r, bool is_it, const struct group_row *row,
                                 struct group_row *ret)
{
    enum reason reason;

    if (r == -ENOENT)
        return REASON_NOT_FOUND;
    if (r < 0)
        return access_store_reason(r);
    reason = row_check_group(access, row);
    if (reason != REASON_NONE)
        return reason;
    if (!is_it || !sequences_remember(&access->groups_seen, row->name, row->sequence))
        return REASON_INTEGRITY;
    *ret = *row;
    return REASON_NONE;
}

enum reason group_load(struct access *access, const char *name, struct group_row *ret)
{
    struct group_row row;
    int r = store_group_by_name(access->store, name, &row);

    return group_believe(access, r, r == 0 && strcmp(row.name, name) == 0, &row, ret);
}

/* ----------------------------------------------------------------------------------------- grants, members */

static enum reason list_grants(struct access *access, int64_t group_id, struct group_grant_row **ret_rows,
                               size_t *ret_count, uint8_t ret_digest[HASH_LEN])
{
    int r = store_group_grant_list(access->store, group_id, ret_rows, ret_count);

    return r < 0 ? access_store_reason(r) : row_digest_group_grants(*ret_rows, *ret_count, ret_digest);
}

enum reason group_grants(struct access *access, const struct group_row *group,
                         struct group_grant_row **ret_rows, size_t *ret_count)
{
    struct group_grant_row *rows = NULL;
    CLEANUP(free) void *memory = NULL;
    uint8_t digest[HASH_LEN];
    size_t count = 0;
    enum reason reason = list_grants(access, group->id, &rows, &count, digest);

    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    if (memcmp(digest, group->grants, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    *ret_rows = TAKE(memory);
    *ret_count = count;
    return REASON_NONE;
}

static enum reason list_memberships(struct access *access, int64_t token_id, struct member_row **ret_rows,
                                    size_t *ret_count, uint8_t ret_digest[HASH_LEN])
{
    int r = store_member_list(access->store, token_id, ret_rows, ret_count);

    return r < 0 ? access_store_reason(r) : row_digest_memberships(*ret_rows, *ret_count, ret_digest);
}

enum reason group_memberships(struct access *access, const struct token_row *token,
                              struct member_row **ret_rows, size_t *ret_count)
{
    static const uint8_t none[HASH_LEN];
    struct member_row *rows = NULL;
    CLEANUP(free) void *memory = NULL;
    uint8_t digest[HASH_LEN];
    size_t count = 0;
    enum reason reason;

    *ret_rows = NULL;
    *ret_count = 0;
    if (memcmp(token->memberships, none, HASH_LEN) == 0)
        return REASON_NONE; /* whatever rows say */
    reason = list_memberships(access, token->id, &rows, &count, digest);
    memory = rows;
    if (reason != REASON_NONE)
        return reason;
    if (memcmp(digest, token->memberships, HASH_LEN) != 0)
        return REASON_INTEGRITY;
    *ret_rows = TAKE(memory);
    *ret_count = count;
    return REASON_NONE;
}

/* What one group grants to a principal. A group that is gone has no members: its row is missing by another's hand. */
static enum reason grant_of_group(struct access *access, int64_t group_id, int64_t principal_id,
                                  unsigned *ret_bits)
{
    CLEANUP(free) void *memory = NULL;
    struct group_grant_row *rows = NULL;
    struct group_row row, group;
    size_t count = 0;
    int r = store_group_by_id(access->store, group_id, &row);
    enum reason reason = group_believe(access, r, r == 0 && row.id == group_id, &row, &group);

    if (reason == REASON_NONE)
        reason = group_grants(access, &group, &rows, &count);
    memory = rows;
    for (size_t i = 0; i < count; i++)
        if (rows[i].principal_id == principal_id)
            *ret_bits |= rows[i].bits;
    return reason == REASON_NOT_FOUND ? REASON_INTEGRITY : reason;
}

enum reason group_grants_on(struct access *access, const struct token_row *token, int64_t principal_id,
                            unsigned *ret_bits)
{
    CLEANUP(free) void *memory = NULL;
    struct member_row *rows = NULL;
    size_t count = 0;
    enum reason reason = group_memberships(access, token, &rows, &count);
    unsigned bits = 0;

    memory = rows;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        reason = grant_of_group(access, rows[i].group_id, principal_id, &bits);
    *ret_bits = reason == REASON_NONE ? bits : 0;
    return reason;
}

/* ------------------------------------------------------------------------------------------------- writing */

static enum reason group_save(struct access *access, struct group_row *row)
{
    struct group_row next = *row;
    enum reason reason;

    next.sequence++;
    reason = row_mac_group(access, &next);
    if (reason == REASON_NONE)
        reason = access_store_reason(store_group_update(access->store, &next, row->sequence));
    if (reason == REASON_NONE)
        *row = next;
    return reason;
}

enum reason group_add(struct access *access, const char *name, int64_t now_ms, struct group_row *ret)
{
    /* One of that name may have been deleted: this one is newer than it ever was. */
    struct group_row row = { .created_ms = now_ms, .sequence = (uint64_t)now_ms };
    enum reason reason;
    int r;

    strcpy(row.name, name); /* a valid name: at most NAME_MAX_LEN */
    r = store_group_insert(access->store, &row);
    if (r < 0)
        return r == -EEXIST ? REASON_ALREADY_EXISTS : access_store_reason(r);
    reason = group_save(access, &row); /* its MAC is over its id */
    if (reason == REASON_NONE)
        *ret = row;
    return reason;
}

enum reason group_grant_put(struct access *access, struct group_row *group, int64_t principal_id,
                            unsigned bits)
{
    struct group_grant_row *rows = NULL;
    size_t count = 0;
    /* What is not true already must not become so by being put under a new digest. */
    enum reason reason = group_grants(access, group, &rows, &count);

    free(rows);
    rows = NULL;
    if (reason == REASON_NONE)
        reason = access_store_reason(store_group_grant_put(access->store, principal_id, group->id, bits));
    if (reason == REASON_NONE)
        reason = list_grants(access, group->id, &rows, &count, group->grants);
    free(rows);
    return reason == REASON_NONE ? group_save(access, group) : reason;
}

static bool is_member_of(const struct member_row *rows, size_t count, int64_t group_id)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].group_id == group_id)
            return true;
    return false;
}

static enum reason change_membership(struct access *access, int64_t group_id, int64_t token_id,
                                     bool is_member)
{
    struct member_row row = { .group_id = group_id, .token_id = token_id };

    return access_store_reason(is_member ? store_member_insert(access->store, &row)
                                         : store_member_delete(access->store, group_id, token_id));
}

enum reason group_member_put(struct access *access, const struct group_row *group, struct token_row *token,
                             bool is_member, bool *ret_is_changed)
{
    struct member_row *rows = NULL;
    size_t count = 0;
    enum reason reason = group_memberships(access, token, &rows, &count);

    *ret_is_changed = is_member_of(rows, count, group->id) != is_member;
    free(rows);
    rows = NULL;
    if (reason != REASON_NONE || !*ret_is_changed)
        return reason;
    if (is_member && count >= GROUPS_PER_TOKEN_MAX)
        return REASON_LIMIT;
    reason = change_membership(access, group->id, token->id, is_member);
    if (reason == REASON_NONE)
        reason = list_memberships(access, token->id, &rows, &count, token->memberships);
    free(rows);
    return reason;
}
