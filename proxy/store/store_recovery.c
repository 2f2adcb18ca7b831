/* SPDX-License-Identifier: Apache-2.0 */
/* store_recovery.c - the officers' quorum of a token, its shares, and the request to it that is under way. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

#define QUORUM_COLUMNS                                                                                       \
    "id, token_id, name, needed, request, pin_version, row_name, check_value, certificate, principal_id,"    \
    " asked_ms, from_ms, until_ms"

static const struct field quorum_fields[] = {
    FIELD(struct quorum_row, id),          FIELD(struct quorum_row, token_id),
    FIELD(struct quorum_row, name),        FIELD(struct quorum_row, needed),
    FIELD(struct quorum_row, request),     FIELD(struct quorum_row, pin_version),
    FIELD(struct quorum_row, row_name),    FIELD(struct quorum_row, check),
    FIELD(struct quorum_row, certificate), FIELD(struct quorum_row, principal_id),
    FIELD(struct quorum_row, asked_ms),    FIELD(struct quorum_row, from_ms),
    FIELD(struct quorum_row, until_ms),
};
static const struct row_type quorum_type = ROW_TYPE("quorum", struct quorum_row, quorum_fields);

static const struct field share_fields[] = {
    FIELD(struct share_row, id),      FIELD(struct share_row, token_id), FIELD(struct share_row, number),
    FIELD(struct share_row, officer), FIELD(struct share_row, name),     FIELD(struct share_row, digest),
    FIELD(struct share_row, sealed),  FIELD(struct share_row, given_by), FIELD(struct share_row, kd_epoch),
    FIELD(struct share_row, nonce),   FIELD(struct share_row, given),
};
static const struct row_type share_type = ROW_TYPE("share", struct share_row, share_fields);

void share_rows_free(struct share_row *rows, size_t count)
{
    rows_free(&share_type, rows, count);
}

int store_quorum_insert(struct store *store, struct quorum_row *row)
{
    return row_insert(store, &quorum_type,
                      "INSERT INTO quorums (token_id, name, needed, request, pin_version, row_name,"
                      " check_value, certificate, principal_id, asked_ms, from_ms, until_ms)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                      row);
}

int store_quorum_get(struct store *store, int64_t token_id, struct quorum_row *ret)
{
    return row_get(store, &quorum_type, "SELECT " QUORUM_COLUMNS " FROM quorums WHERE token_id = $1",
                   VALUES(value_integer(token_id)), ret);
}

/* Whose it is and what it needs cannot change: that would be another quorum. */
int store_quorum_update(struct store *store, const struct quorum_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(store,
                      "UPDATE quorums SET request = $5, pin_version = $6, row_name = $7, check_value = $8,"
                      " certificate = $9, principal_id = $10, asked_ms = $11, from_ms = $12, until_ms = $13"
                      " WHERE id = $1 AND token_id = $2 AND name = $3 AND needed = $4",
                      row_values(&quorum_type, row, 0, room), -ENOENT);
}

int store_quorum_delete(struct store *store, int64_t token_id)
{
    int r = row_change(store, "DELETE FROM quorum_shares WHERE token_id = $1",
                       VALUES(value_integer(token_id)), 0);

    if (r < 0)
        return r;
    return row_change(store, "DELETE FROM quorums WHERE token_id = $1", VALUES(value_integer(token_id)), 0);
}

int store_quorum_list(struct store *store, int64_t after, unsigned limit, struct quorum_row **ret_rows,
                      size_t *ret_count)
{
    return row_list(store, &quorum_type,
                    "SELECT " QUORUM_COLUMNS
                    " FROM quorums WHERE until_ms > 0 AND id > $1 ORDER BY id LIMIT $2",
                    VALUES(value_integer(after), value_integer(limit)), (void **)ret_rows, ret_count);
}

int store_share_insert(struct store *store, struct share_row *row)
{
    return row_insert(store, &share_type,
                      "INSERT INTO quorum_shares (token_id, number, officer, name, digest, sealed, given_by,"
                      " kd_epoch, nonce, given) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                      " RETURNING id",
                      row);
}

int store_share_list(struct store *store, int64_t token_id, struct share_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &share_type,
                    "SELECT id, token_id, number, officer, name, digest, sealed, given_by, kd_epoch, nonce,"
                    " given FROM quorum_shares WHERE token_id = $1 ORDER BY number",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_share_update(struct store *store, const struct share_row *row)
{
    return row_change(store,
                      "UPDATE quorum_shares SET given_by = $3, kd_epoch = $4, nonce = $5, given = $6"
                      " WHERE id = $1 AND token_id = $2",
                      VALUES(value_integer(row->id), value_integer(row->token_id),
                             value_integer(row->given_by), value_integer(row->kd_epoch),
                             value_blob(BYTES_OF_ARRAY(row->nonce)), value_blob(buffer_bytes(&row->given))),
                      -ENOENT);
}
