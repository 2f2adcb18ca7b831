/* SPDX-License-Identifier: Apache-2.0 */
/* store_factor.c - second factors of tokens. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

static const struct field factor_fields[] = {
    FIELD(struct factor_row, id),
    FIELD(struct factor_row, token_id),
    FIELD(struct factor_row, kind),
    FIELD(struct factor_row, row_name),
    FIELD(struct factor_row, kd_epoch),
    FIELD(struct factor_row, nonce),
    FIELD(struct factor_row, sealed),
    FIELD(struct factor_row, confirmed),
    FIELD(struct factor_row, last_step),
    FIELD(struct factor_row, code),
    FIELD(struct factor_row, code_until_ms),
    FIELD(struct factor_row, sent_ms),
    FIELD(struct factor_row, created_ms),
};
static const struct row_type factor_type = ROW_TYPE("factor", struct factor_row, factor_fields);

void factor_row_clear(struct factor_row *row)
{
    row_clear(&factor_type, row);
}

void factor_rows_free(struct factor_row *rows, size_t count)
{
    rows_free(&factor_type, rows, count);
}

int store_factor_insert(struct store *store, struct factor_row *row)
{
    return row_insert(store, &factor_type,
                      "INSERT INTO factors (token_id, kind, row_name, kd_epoch, nonce, sealed, confirmed,"
                      " last_step, code, code_until_ms, sent_ms, created_ms)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id",
                      row);
}

int store_factor_list(struct store *store, int64_t token_id, struct factor_row **ret_rows, size_t *ret_count)
{
    return row_list(
        store, &factor_type,
        "SELECT id, token_id, kind, row_name, kd_epoch, nonce, sealed, confirmed, last_step, code,"
        " code_until_ms, sent_ms, created_ms FROM factors WHERE token_id = $1 ORDER BY id",
        VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

/* Whose factor of which kind it is cannot change: a row that differs there is not found. */
int store_factor_update(struct store *store, const struct factor_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(
        store,
        "UPDATE factors SET kd_epoch = $5, nonce = $6, sealed = $7, confirmed = $8, last_step = $9,"
        " code = $10, code_until_ms = $11, sent_ms = $12"
        " WHERE id = $1 AND token_id = $2 AND kind = $3 AND row_name = $4 AND created_ms = $13",
        row_values(&factor_type, row, 0, room), -ENOENT);
}

int store_factor_delete(struct store *store, int64_t token_id, enum second_factor kind)
{
    return row_change(store, "DELETE FROM factors WHERE token_id = $1 AND kind = $2",
                      VALUES(value_integer(token_id), value_integer(kind)), 0);
}
