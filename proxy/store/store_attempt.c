/* SPDX-License-Identifier: Apache-2.0 */
/* store_attempt.c - PIN attempts: reservations and failures. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

static const struct field attempt_fields[] = {
    FIELD(struct attempt_row, id),           FIELD(struct attempt_row, token_id),
    FIELD(struct attempt_row, principal_id), FIELD(struct attempt_row, state),
    FIELD(struct attempt_row, at_ms),
};
static const struct row_type attempt_type = ROW_TYPE("attempt", struct attempt_row, attempt_fields);

int store_attempt_insert(struct store *store, struct attempt_row *row)
{
    return row_insert(store, &attempt_type,
                      "INSERT INTO attempts (token_id, principal_id, state, at_ms) VALUES ($1, $2, $3, $4)"
                      " RETURNING id",
                      row);
}

int store_attempt_list(struct store *store, int64_t token_id, struct attempt_row **ret_rows,
                       size_t *ret_count)
{
    return row_list(
        store, &attempt_type,
        "SELECT id, token_id, principal_id, state, at_ms FROM attempts WHERE token_id = $1 ORDER BY id",
        VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

/* Whose attempt it is cannot change: a row that differs there is not found. */
int store_attempt_set(struct store *store, const struct attempt_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(store,
                      "UPDATE attempts SET state = $4, at_ms = $5"
                      " WHERE id = $1 AND token_id = $2 AND principal_id = $3",
                      row_values(&attempt_type, row, 0, room), -ENOENT);
}

int store_attempt_delete(struct store *store, int64_t id)
{
    return row_change(store, "DELETE FROM attempts WHERE id = $1", VALUES(value_integer(id)), 0);
}

int store_attempt_clear(struct store *store, int64_t token_id, int64_t principal_id)
{
    return row_change(store, "DELETE FROM attempts WHERE token_id = $1 AND $2 IN (0, principal_id)",
                      VALUES(value_integer(token_id), value_integer(principal_id)), 0);
}
