/* SPDX-License-Identifier: Apache-2.0 */
/* store_issued.c - certificates that this deployment's own authorities issued, and what they revoked. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

#define ISSUED_COLUMNS                                                                                       \
    "id, authority, serial, profile, owner, token_id, key_name, hash, subject, issued_ms, not_after_ms, "    \
    "revoked_ms, crl_reason, notice_days, mac"
#define AUTHORITY_COLUMNS "authority, sequence, as_of_ms, revoked, crl_number, crl_until_ms, crl_hash, mac"

static const struct field issued_fields[] = {
    FIELD(struct issued_row, id),           FIELD(struct issued_row, authority),
    FIELD(struct issued_row, serial),       FIELD(struct issued_row, profile),
    FIELD(struct issued_row, owner),        FIELD(struct issued_row, token_id),
    FIELD(struct issued_row, key_name),     FIELD(struct issued_row, hash),
    FIELD(struct issued_row, subject),      FIELD(struct issued_row, issued_ms),
    FIELD(struct issued_row, not_after_ms), FIELD(struct issued_row, revoked_ms),
    FIELD(struct issued_row, crl_reason),   FIELD(struct issued_row, notice_days),
    FIELD(struct issued_row, mac),
};
static const struct row_type issued_type = ROW_TYPE("issued certificate", struct issued_row, issued_fields);

static const struct field authority_fields[] = {
    FIELD(struct authority_row, authority),  FIELD(struct authority_row, sequence),
    FIELD(struct authority_row, as_of_ms),   FIELD(struct authority_row, revoked),
    FIELD(struct authority_row, crl_number), FIELD(struct authority_row, crl_until_ms),
    FIELD(struct authority_row, crl_hash),   FIELD(struct authority_row, mac),
};
static const struct row_type authority_type = ROW_TYPE("authority", struct authority_row, authority_fields);

struct crl {
    struct buffer der;
};

static const struct field crl_fields[] = { FIELD(struct crl, der) };
static const struct row_type crl_type = ROW_TYPE("revocation list", struct crl, crl_fields);

struct issued_count {
    uint64_t count;
};

static const struct field count_fields[] = { FIELD(struct issued_count, count) };
static const struct row_type count_type =
    ROW_TYPE("count of issued certificates", struct issued_count, count_fields);

int store_issued_insert(struct store *store, struct issued_row *row)
{
    return row_insert(store, &issued_type,
                      "INSERT INTO issued (authority, serial, profile, owner, token_id, key_name, hash,"
                      " subject, issued_ms, not_after_ms, revoked_ms, crl_reason, notice_days, mac)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
                      row);
}

int store_issued_by_serial(struct store *store, const uint8_t serial[ISSUED_SERIAL_LEN],
                           struct issued_row *ret)
{
    return row_get(store, &issued_type, "SELECT " ISSUED_COLUMNS " FROM issued WHERE serial = $1",
                   VALUES(value_blob(BYTES(serial, ISSUED_SERIAL_LEN))), ret);
}

int store_issued_of_token(struct store *store, int64_t token_id, struct issued_row **ret_rows,
                          size_t *ret_count)
{
    return row_list(store, &issued_type,
                    "SELECT " ISSUED_COLUMNS " FROM issued WHERE token_id = $1 ORDER BY id",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_issued_of_owner(struct store *store, const char *owner, int64_t after_id, unsigned limit,
                          struct issued_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &issued_type,
                    "SELECT " ISSUED_COLUMNS " FROM issued WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3",
                    VALUES(value_text(owner), value_integer(after_id), value_integer(limit)),
                    (void **)ret_rows, ret_count);
}

int store_issued_revoked(struct store *store, enum authority authority, int64_t after_ms,
                         struct issued_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &issued_type,
                    "SELECT " ISSUED_COLUMNS " FROM issued"
                    " WHERE authority = $1 AND revoked_ms > 0 AND not_after_ms > $2 ORDER BY id",
                    VALUES(value_integer(authority), value_integer(after_ms)), (void **)ret_rows, ret_count);
}

int store_issued_ending(struct store *store, int64_t after_ms, int64_t after_id, int64_t until_ms,
                        unsigned limit, struct issued_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &issued_type,
                    "SELECT " ISSUED_COLUMNS " FROM issued WHERE revoked_ms = 0 AND not_after_ms <= $3"
                    " AND (not_after_ms > $1 OR (not_after_ms = $1 AND id > $2))"
                    " ORDER BY not_after_ms, id LIMIT $4",
                    VALUES(value_integer(after_ms), value_integer(after_id), value_integer(until_ms),
                           value_integer(limit)),
                    (void **)ret_rows, ret_count);
}

int store_issued_update(struct store *store, const struct issued_row *row)
{
    return row_change(store,
                      "UPDATE issued SET revoked_ms = $1, crl_reason = $2, notice_days = $3, mac = $4"
                      " WHERE id = $5",
                      VALUES(value_integer(row->revoked_ms), value_integer(row->crl_reason),
                             value_integer(row->notice_days), value_blob(BYTES_OF_ARRAY(row->mac)),
                             value_integer(row->id)),
                      -ENOENT);
}

int store_issued_count(struct store *store, enum authority authority, uint64_t *ret)
{
    struct issued_count count = { 0 };
    int r = row_get(store, &count_type, "SELECT COUNT(*) FROM issued WHERE authority = $1",
                    VALUES(value_integer(authority)), &count);

    if (r == 0)
        *ret = count.count;
    return r;
}

/* --------------------------------------------------------------------------------------------- authorities */

int store_authority_insert(struct store *store, const struct authority_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(store,
                      "INSERT INTO authorities (" AUTHORITY_COLUMNS ")"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      row_values(&authority_type, row, 0, room), -EIO);
}

int store_authority_get(struct store *store, enum authority authority, struct authority_row *ret)
{
    return row_get(store, &authority_type,
                   "SELECT " AUTHORITY_COLUMNS " FROM authorities WHERE authority = $1",
                   VALUES(value_integer(authority)), ret);
}

int store_authority_update(struct store *store, const struct authority_row *row, uint64_t old_sequence)
{
    struct value room[ROW_FIELDS_MAX];
    struct values values = row_values(&authority_type, row, 0, room);

    room[values.count++] = value_integer((int64_t)old_sequence);
    return row_change(store,
                      "UPDATE authorities SET sequence = $2, as_of_ms = $3, revoked = $4, crl_number = $5,"
                      " crl_until_ms = $6, crl_hash = $7, mac = $8 WHERE authority = $1 AND sequence = $9",
                      values, -ESTALE);
}

int store_crl_put(struct store *store, enum authority authority, struct bytes der)
{
    return row_change(store,
                      "INSERT INTO crls (authority, der) VALUES ($1, $2)"
                      " ON CONFLICT (authority) DO UPDATE SET der = excluded.der",
                      VALUES(value_integer(authority), value_blob(der)), -EIO);
}

int store_crl_get(struct store *store, enum authority authority, struct buffer *ret)
{
    struct crl crl = { 0 };
    int r = row_get(store, &crl_type, "SELECT der FROM crls WHERE authority = $1",
                    VALUES(value_integer(authority)), &crl);

    if (r < 0)
        return r;
    buffer_append(ret, buffer_bytes(&crl.der));
    buffer_clear(&crl.der);
    return ret->failed ? -ENOMEM : 0;
}
