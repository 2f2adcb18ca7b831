/* SPDX-License-Identifier: Apache-2.0 */
/* store_principal.c - principals, their certificates, and what they were granted. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

#define PRINCIPAL_COLUMNS                                                                                    \
    "id, name, enabled, created_ms, sequence, certificates, requests, device_code, device_code_until_ms, "   \
    "device_secret, mac"
#define CERTIFICATE_COLUMNS "hash, principal_id, role, not_after_ms, revoked, label, created_ms, replaces"

static const struct field principal_fields[] = {
    FIELD(struct principal_row, id),
    FIELD(struct principal_row, name),
    FIELD(struct principal_row, enabled),
    FIELD(struct principal_row, created_ms),
    FIELD(struct principal_row, sequence),
    FIELD(struct principal_row, certificates),
    FIELD(struct principal_row, requests),
    FIELD(struct principal_row, device_code),
    FIELD(struct principal_row, device_code_until_ms),
    FIELD(struct principal_row, device_secret),
    FIELD(struct principal_row, mac),
};
static const struct row_type principal_type = ROW_TYPE("principal", struct principal_row, principal_fields);

static const struct field certificate_fields[] = {
    FIELD(struct principal_certificate_row, hash),
    FIELD(struct principal_certificate_row, principal_id),
    FIELD(struct principal_certificate_row, role),
    FIELD(struct principal_certificate_row, not_after_ms),
    FIELD(struct principal_certificate_row, revoked),
    FIELD(struct principal_certificate_row, label),
    FIELD(struct principal_certificate_row, created_ms),
    FIELD(struct principal_certificate_row, replaces),
};
static const struct row_type certificate_type =
    ROW_TYPE("principal certificate", struct principal_certificate_row, certificate_fields);

static const struct field grant_fields[] = {
    FIELD(struct grant_row, id),
    FIELD(struct grant_row, token_id),
    FIELD(struct grant_row, principal_id),
    FIELD(struct grant_row, bits),
};
static const struct row_type grant_type = ROW_TYPE("grant", struct grant_row, grant_fields);

struct name {
    char name[NAME_MAX_LEN + 1];
};

static const struct field name_fields[] = { FIELD(struct name, name) };
static const struct row_type name_type = ROW_TYPE("name", struct name, name_fields);

int store_principal_insert(struct store *store, struct principal_row *row)
{
    return row_insert(
        store, &principal_type,
        "INSERT INTO principals (name, enabled, created_ms, sequence, certificates, requests, device_code,"
        " device_code_until_ms, device_secret, mac)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        row);
}

int store_principal_by_name(struct store *store, const char *name, struct principal_row *ret)
{
    return row_get(store, &principal_type,
                   "SELECT " PRINCIPAL_COLUMNS " FROM principals WHERE name = $1" ROW_LOCK,
                   VALUES(value_text(name)), ret);
}

/* What a principal is born with (name, created) cannot change: a row that differs there is not found. */
int store_principal_update(struct store *store, const struct principal_row *row, uint64_t old_sequence)
{
    struct value room[ROW_FIELDS_MAX];
    struct values values = row_values(&principal_type, row, 0, room);

    room[values.count++] = value_integer((int64_t)old_sequence);
    return row_change(store,
                      "UPDATE principals SET enabled = $3, sequence = $5, certificates = $6, requests = $7, "
                      "device_code = $8,"
                      " device_code_until_ms = $9, device_secret = $10, mac = $11"
                      " WHERE id = $1 AND name = $2 AND created_ms = $4 AND sequence = $12",
                      values, -ESTALE);
}

int store_principal_add_certificate(struct store *store, const struct principal_certificate_row *row)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(store,
                      "INSERT INTO principal_certificates (" CERTIFICATE_COLUMNS
                      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      row_values(&certificate_type, row, 0, room), -EIO);
}

int store_principal_update_certificate(struct store *store, const struct principal_certificate_row *row)
{
    return row_change(store, "UPDATE principal_certificates SET revoked = $2, replaces = $3 WHERE hash = $1",
                      VALUES(value_blob(BYTES_OF_ARRAY(row->hash)), value_integer(row->revoked),
                             value_blob(BYTES_OF_ARRAY(row->replaces))),
                      -ENOENT);
}

int store_principal_forget_certificates(struct store *store, int64_t principal_id)
{
    return row_change(store, "DELETE FROM principal_certificates WHERE principal_id = $1",
                      VALUES(value_integer(principal_id)), 0);
}

int store_principal_forget_dead(struct store *store, int64_t principal_id, int64_t before_ms)
{
    return row_change(store,
                      "DELETE FROM principal_certificates WHERE principal_id = $1 AND created_ms > 0"
                      " AND created_ms < $2 AND (revoked = 1 OR not_after_ms < $2)",
                      VALUES(value_integer(principal_id), value_integer(before_ms)), 0);
}

int store_principal_by_id(struct store *store, int64_t id, struct principal_row *ret)
{
    return row_get(store, &principal_type, "SELECT " PRINCIPAL_COLUMNS " FROM principals WHERE id = $1",
                   VALUES(value_integer(id)), ret);
}

int store_principal_by_certificate(struct store *store, const uint8_t hash[HASH_LEN],
                                   struct principal_row *ret)
{
    return row_get(store, &principal_type,
                   "SELECT " PRINCIPAL_COLUMNS " FROM principals WHERE id ="
                   " (SELECT principal_id FROM principal_certificates WHERE hash = $1)",
                   VALUES(value_blob(BYTES(hash, HASH_LEN))), ret);
}

int store_principal_certificates(struct store *store, int64_t principal_id,
                                 struct principal_certificate_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &certificate_type,
                    "SELECT " CERTIFICATE_COLUMNS " FROM principal_certificates"
                    " WHERE principal_id = $1 ORDER BY not_after_ms, hash",
                    VALUES(value_integer(principal_id)), (void **)ret_rows, ret_count);
}

int store_principals_of_role(struct store *store, enum role role, char (**ret_names)[NAME_MAX_LEN + 1],
                             size_t *ret_count)
{
    return row_list(store, &name_type,
                    "SELECT DISTINCT p.name FROM principal_certificates c"
                    " JOIN principals p ON p.id = c.principal_id WHERE c.role = $1 ORDER BY p.name",
                    VALUES(value_integer(role)), (void **)ret_names, ret_count);
}

int store_grant_put(struct store *store, int64_t principal_id, int64_t token_id, unsigned bits)
{
    return row_change(store,
                      "INSERT INTO grants (principal_id, token_id, bits) VALUES ($1, $2, $3)"
                      " ON CONFLICT (token_id, principal_id) DO UPDATE SET bits = excluded.bits",
                      VALUES(value_integer(principal_id), value_integer(token_id), value_integer(bits)),
                      -EIO);
}

int store_grant_list(struct store *store, int64_t token_id, struct grant_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &grant_type,
                    "SELECT id, token_id, principal_id, bits FROM grants WHERE token_id = $1 ORDER BY id",
                    VALUES(value_integer(token_id)), (void **)ret_rows, ret_count);
}

int store_grants_of(struct store *store, int64_t principal_id, struct grant_row **ret_rows, size_t *ret_count)
{
    return row_list(store, &grant_type,
                    "SELECT id, token_id, principal_id, bits FROM grants WHERE principal_id = $1 ORDER BY id",
                    VALUES(value_integer(principal_id)), (void **)ret_rows, ret_count);
}

#define SEES(bits) bits " % 2 = 1" /* GRANT_SEE */

int store_grant_tokens(struct store *store, int64_t principal_id, unsigned limit,
                       char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count)
{
    return row_list(
        store, &name_type,
        "SELECT name FROM ("
        "SELECT t.name AS name, 0 AS rank, g.id AS place FROM grants g JOIN tokens t ON t.id = g.token_id"
        " WHERE g.principal_id = $1 AND " SEES(
            "g.bits") " UNION ALL "
                      "SELECT t.name, 1, min(m.id) FROM group_grants a JOIN group_members m ON m.group_id = "
                      "a.group_id"
                      " JOIN tokens t ON t.id = m.token_id WHERE a.principal_id = $1 AND " SEES(
                          "a.bits") " AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.token_id = m.token_id"
                                    " AND g.principal_id = $1 AND " SEES(
                                        "g.bits") ") GROUP BY t.name"
                                                  ") AS seen ORDER BY rank, place LIMIT $2",
        VALUES(value_integer(principal_id), value_integer(limit)), (void **)ret_names, ret_count);
}
