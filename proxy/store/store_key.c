/* SPDX-License-Identifier: Apache-2.0 */
/* store_key.c - keys of a token, and the certificates that belong to them. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

#define KEY_COLUMNS                                                                                          \
    "id, token_id, name, label, cka_id, usage, always_authenticate, key_type, bits, spki, kd_epoch, "        \
    "kw_epoch, nonce, sealed, created_ms, expires_ms, mac"
#define CERTIFICATE_COLUMNS "id, token_id, key_name, label, der, chain, created_ms, mac"

static const struct field key_fields[] = {
    FIELD(struct key_row, id),
    FIELD(struct key_row, token_id),
    FIELD(struct key_row, name),
    FIELD(struct key_row, label),
    FIELD(struct key_row, cka_id),
    FIELD(struct key_row, usage),
    FIELD(struct key_row, always_authenticate),
    FIELD(struct key_row, key_type),
    FIELD(struct key_row, bits),
    FIELD(struct key_row, spki),
    FIELD(struct key_row, kd_epoch),
    FIELD(struct key_row, kw_epoch),
    FIELD(struct key_row, nonce),
    FIELD(struct key_row, sealed),
    FIELD(struct key_row, created_ms),
    FIELD(struct key_row, expires_ms),
    FIELD(struct key_row, mac),
};
static const struct row_type key_type = ROW_TYPE("key", struct key_row, key_fields);

static const struct field certificate_fields[] = {
    FIELD(struct certificate_row, id),         FIELD(struct certificate_row, token_id),
    FIELD(struct certificate_row, key_name),   FIELD(struct certificate_row, label),
    FIELD(struct certificate_row, der),        FIELD(struct certificate_row, chain),
    FIELD(struct certificate_row, created_ms), FIELD(struct certificate_row, mac),
};
static const struct row_type certificate_type =
    ROW_TYPE("certificate", struct certificate_row, certificate_fields);

void key_row_clear(struct key_row *row)
{
    row_clear(&key_type, row);
}

void key_rows_free(struct key_row *rows, size_t count)
{
    rows_free(&key_type, rows, count);
}

int store_key_insert(struct store *store, struct key_row *row)
{
    return row_insert(store, &key_type,
                      "INSERT INTO keys (token_id, name, label, cka_id, usage, always_authenticate,"
                      " key_type, bits, spki, kd_epoch, kw_epoch, nonce, sealed, created_ms, expires_ms, mac)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
                      " RETURNING id",
                      row);
}

int store_key_list(struct store *store, int64_t token_id, struct key_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &key_type, "SELECT " KEY_COLUMNS " FROM keys WHERE token_id = $1 ORDER BY id",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_key_get(struct store *store, int64_t token_id, const uint8_t name[KEY_NAME_LEN],
                  struct key_row *ret)
{
    return row_get(store, &key_type, "SELECT " KEY_COLUMNS " FROM keys WHERE token_id = $1 AND name = $2",
                   VALUES(value_integer(token_id), value_blob(BYTES(name, KEY_NAME_LEN))), ret);
}

int store_key_update(struct store *store, const struct key_row *row)
{
    return row_change(store, "UPDATE keys SET label = $1, cka_id = $2, mac = $3 WHERE id = $4",
                      VALUES(value_text(row->label), value_blob(buffer_bytes(&row->cka_id)),
                             value_blob(BYTES_OF_ARRAY(row->mac)), value_integer(row->id)),
                      -ENOENT);
}

int store_key_reseal(struct store *store, const struct key_row *row)
{
    return row_change(store, "UPDATE keys SET kd_epoch = $1, nonce = $2, sealed = $3, mac = $4 WHERE id = $5",
                      VALUES(value_integer(row->kd_epoch), value_blob(BYTES_OF_ARRAY(row->nonce)),
                             value_blob(buffer_bytes(&row->sealed)), value_blob(BYTES_OF_ARRAY(row->mac)),
                             value_integer(row->id)),
                      -ENOENT);
}

int store_key_delete(struct store *store, int64_t token_id, const uint8_t name[KEY_NAME_LEN])
{
    int r = store_certificate_delete(store, token_id, name); /* it refers to the key's row */

    if (r < 0 && r != -ENOENT)
        return r;
    return row_change(store, "DELETE FROM keys WHERE token_id = $1 AND name = $2",
                      VALUES(value_integer(token_id), value_blob(BYTES(name, KEY_NAME_LEN))), -ENOENT);
}

void certificate_row_clear(struct certificate_row *row)
{
    row_clear(&certificate_type, row);
}

void certificate_rows_free(struct certificate_row *rows, size_t count)
{
    rows_free(&certificate_type, rows, count);
}

int store_certificate_put(struct store *store, const struct certificate_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(store,
                      "INSERT INTO certificates (token_id, key_name, label, der, chain, created_ms, mac)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token_id, key_name) DO UPDATE"
                      " SET label = excluded.label, der = excluded.der, chain = excluded.chain, created_ms = "
                      "excluded.created_ms,"
                      " mac = excluded.mac",
                      row_values(&certificate_type, row, 1, room), -EIO);
}

int store_certificate_list(struct store *store, int64_t token_id, struct certificate_row **ret_rows,
                           size_t *ret_count)
{
    return row_list(store, &certificate_type,
                    "SELECT " CERTIFICATE_COLUMNS " FROM certificates WHERE token_id = $1 ORDER BY id",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_certificate_get(struct store *store, int64_t token_id, const uint8_t key_name[KEY_NAME_LEN],
                          struct certificate_row *ret)
{
    return row_get(store, &certificate_type,
                   "SELECT " CERTIFICATE_COLUMNS " FROM certificates WHERE token_id = $1 AND key_name = $2",
                   VALUES(value_integer(token_id), value_blob(BYTES(key_name, KEY_NAME_LEN))), ret);
}

int store_certificate_delete(struct store *store, int64_t token_id, const uint8_t key_name[KEY_NAME_LEN])
{
    return row_change(store, "DELETE FROM certificates WHERE token_id = $1 AND key_name = $2",
                      VALUES(value_integer(token_id), value_blob(BYTES(key_name, KEY_NAME_LEN))), -ENOENT);
}
