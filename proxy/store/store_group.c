/* SPDX-License-Identifier: Apache-2.0 */
/* store_group.c - groups of tokens: who is in one, and to whom one is granted. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

#define GROUP_COLUMNS "id, name, created_ms, sequence, grants, mac"

static const struct field group_fields[] = {
    FIELD(struct group_row, id),       FIELD(struct group_row, name),   FIELD(struct group_row, created_ms),
    FIELD(struct group_row, sequence), FIELD(struct group_row, grants), FIELD(struct group_row, mac),
};
static const struct row_type group_type = ROW_TYPE("group", struct group_row, group_fields);

static const struct field member_fields[] = {
    FIELD(struct member_row, id),
    FIELD(struct member_row, group_id),
    FIELD(struct member_row, token_id),
};
static const struct row_type member_type = ROW_TYPE("group member", struct member_row, member_fields);

static const struct field grant_fields[] = {
    FIELD(struct group_grant_row, id),
    FIELD(struct group_grant_row, group_id),
    FIELD(struct group_grant_row, principal_id),
    FIELD(struct group_grant_row, bits),
};
static const struct row_type grant_type = ROW_TYPE("group grant", struct group_grant_row, grant_fields);

struct member_name {
    char name[NAME_MAX_LEN + 1];
};

static const struct field member_name_fields[] = { FIELD(struct member_name, name) };
static const struct row_type member_name_type =
    ROW_TYPE("group member's name", struct member_name, member_name_fields);

int store_group_insert(struct store *store, struct group_row *row)
{
    return row_insert(store, &group_type,
                      "INSERT INTO token_groups (name, created_ms, sequence, grants, mac)"
                      " VALUES ($1, $2, $3, $4, $5) RETURNING id",
                      row);
}

int store_group_by_name(struct store *store, const char *name, struct group_row *ret)
{
    return row_get(store, &group_type, "SELECT " GROUP_COLUMNS " FROM token_groups WHERE name = $1" ROW_LOCK,
                   VALUES(value_text(name)), ret);
}

int store_group_by_id(struct store *store, int64_t id, struct group_row *ret)
{
    return row_get(store, &group_type, "SELECT " GROUP_COLUMNS " FROM token_groups WHERE id = $1" ROW_LOCK,
                   VALUES(value_integer(id)), ret);
}

/* What a group is born with (name, created) cannot change: a row that differs there is not found. */
int store_group_update(struct store *store, const struct group_row *row, uint64_t old_sequence)
{
    struct value room[ROW_FIELDS_MAX];
    struct values values = row_values(&group_type, row, 0, room);

    room[values.count++] = value_integer((int64_t)old_sequence);
    return row_change(store,
                      "UPDATE token_groups SET sequence = $4, grants = $5, mac = $6"
                      " WHERE id = $1 AND name = $2 AND created_ms = $3 AND sequence = $7",
                      values, -ESTALE);
}

int store_group_list(struct store *store, const char *after, unsigned limit, struct group_row **ret_rows,
                     size_t *ret_count)
{
    return row_list(store, &group_type,
                    "SELECT " GROUP_COLUMNS " FROM token_groups WHERE name > $1 ORDER BY name LIMIT $2",
                    VALUES(value_text(after), value_integer(limit)), (void **)ret_rows, ret_count);
}

int store_group_delete(struct store *store, int64_t id, uint64_t old_sequence)
{
    int r = row_change(store, "DELETE FROM group_grants WHERE group_id = $1", VALUES(value_integer(id)), 0);

    if (r < 0)
        return r;
    return row_change(store, "DELETE FROM token_groups WHERE id = $1 AND sequence = $2",
                      VALUES(value_integer(id), value_integer((int64_t)old_sequence)), -ESTALE);
}

/* ------------------------------------------------------------------------------------------------ members */

int store_member_insert(struct store *store, struct member_row *row)
{
    return row_insert(store, &member_type,
                      "INSERT INTO group_members (group_id, token_id) VALUES ($1, $2) RETURNING id", row);
}

int store_member_delete(struct store *store, int64_t group_id, int64_t token_id)
{
    return row_change(store, "DELETE FROM group_members WHERE group_id = $1 AND token_id = $2",
                      VALUES(value_integer(group_id), value_integer(token_id)), -ENOENT);
}

int store_member_list(struct store *store, int64_t token_id, struct member_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &member_type,
                    "SELECT id, group_id, token_id FROM group_members WHERE token_id = $1 ORDER BY id",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_member_names(struct store *store, int64_t group_id, const char *after, unsigned limit,
                       char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count)
{
    return row_list(store, &member_name_type,
                    "SELECT t.name FROM group_members m JOIN tokens t ON t.id = m.token_id"
                    " WHERE m.group_id = $1 AND t.name > $2 ORDER BY t.name LIMIT $3",
                    VALUES(value_integer(group_id), value_text(after), value_integer(limit)),
                    (void **)ret_names, ret_count);
}

/* ------------------------------------------------------------------------------------------------- grants */

int store_group_grant_put(struct store *store, int64_t principal_id, int64_t group_id, unsigned bits)
{
    return row_change(store,
                      "INSERT INTO group_grants (principal_id, group_id, bits) VALUES ($1, $2, $3)"
                      " ON CONFLICT (group_id, principal_id) DO UPDATE SET bits = excluded.bits",
                      VALUES(value_integer(principal_id), value_integer(group_id), value_integer(bits)),
                      -EIO);
}

int store_group_grant_list(struct store *store, int64_t group_id, struct group_grant_row **ret_rows,
                           size_t *ret_count)
{
    return row_list(
        store, &grant_type,
        "SELECT id, group_id, principal_id, bits FROM group_grants WHERE group_id = $1 ORDER BY id",
        VALUES(value_integer(group_id)), (void **)ret_rows, ret_count);
}

int store_group_grants_of(struct store *store, int64_t principal_id, struct group_grant_row **ret_rows,
                          size_t *ret_count)
{
    return row_list(store, &grant_type,
                    "SELECT id, group_id, principal_id, bits FROM group_grants WHERE principal_id = $1"
                    " ORDER BY id",
                    VALUES(value_integer(principal_id)), (void **)ret_rows, ret_count);
}
