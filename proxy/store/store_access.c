/* SPDX-License-Identifier: Apache-2.0 */
/* store_access.c - access rows: the ways to a token's secret. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

static const struct field access_fields[] = {
    FIELD(struct access_row, id),      FIELD(struct access_row, token_id),
    FIELD(struct access_row, kind),    FIELD(struct access_row, row_name),
    FIELD(struct access_row, version), FIELD(struct access_row, kd_epoch),
    FIELD(struct access_row, nonce),   FIELD(struct access_row, sealed),
    FIELD(struct access_row, check),   FIELD(struct access_row, blob),
    FIELD(struct access_row, mac),
};
static const struct row_type access_type = ROW_TYPE("access", struct access_row, access_fields);

void access_row_clear(struct access_row *row)
{
    row_clear(&access_type, row);
}

int store_access_insert(struct store *store, struct access_row *row)
{
    return row_insert(
        store, &access_type,
        "INSERT INTO access_rows (token_id, kind, row_name, version, kd_epoch, nonce, sealed,"
        " check_value, blob, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        row);
}

int store_access_get(struct store *store, int64_t token_id, enum access_kind kind, struct access_row *ret)
{
    return row_get(
        store, &access_type,
        "SELECT id, token_id, kind, row_name, version, kd_epoch, nonce, sealed, check_value, blob, mac"
        " FROM access_rows WHERE token_id = $1 AND kind = $2",
        VALUES(value_integer(token_id), value_integer(kind)), ret);
}

int store_access_delete(struct store *store, int64_t token_id, enum access_kind kind)
{
    return row_change(store, "DELETE FROM access_rows WHERE token_id = $1 AND kind = $2",
                      VALUES(value_integer(token_id), value_integer(kind)), 0);
}
