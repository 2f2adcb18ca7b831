/* SPDX-License-Identifier: Apache-2.0 */
/* store_request.c - what operators asked for and others have to approve. */
#include "proxy/store/store.h"

#include <errno.h>
#include <string.h>

#include "proxy/store/row.h"

#define REQUEST_COLUMNS                                                                                      \
    "id, name, principal_id, certificate, method, body, created_ms, expires_ms, state, decided_by"

static const struct field request_fields[] = {
    FIELD(struct request_row, id),           FIELD(struct request_row, name),
    FIELD(struct request_row, principal_id), FIELD(struct request_row, certificate),
    FIELD(struct request_row, method),       FIELD(struct request_row, body),
    FIELD(struct request_row, created_ms),   FIELD(struct request_row, expires_ms),
    FIELD(struct request_row, state),        FIELD(struct request_row, decided_by),
};
static const struct row_type request_type = ROW_TYPE("request", struct request_row, request_fields);

struct owner {
    char name[NAME_MAX_LEN + 1];
};

static const struct field owner_fields[] = { FIELD(struct owner, name) };
static const struct row_type owner_type = ROW_TYPE("requester", struct owner, owner_fields);

void request_row_clear(struct request_row *row)
{
    row_clear(&request_type, row);
}

void request_rows_free(struct request_row *rows, size_t count)
{
    rows_free(&request_type, rows, count);
}

int store_request_insert(struct store *store, struct request_row *row)
{
    return row_insert(store, &request_type,
                      "INSERT INTO requests (name, principal_id, certificate, method, body, created_ms,"
                      " expires_ms, state, decided_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                      " RETURNING id",
                      row);
}

int store_request_list(struct store *store, int64_t principal_id, struct request_row **ret_rows,
                       size_t *ret_count)
{
    return row_list(store, &request_type,
                    "SELECT " REQUEST_COLUMNS " FROM requests WHERE principal_id = $1 ORDER BY id",
                    VALUES(value_integer(principal_id)), (void **)ret_rows, ret_count);
}

int store_request_set(struct store *store, const struct request_row *row)
{
    return row_change(store, "UPDATE requests SET state = $1, decided_by = $2 WHERE id = $3",
                      VALUES(value_integer(row->state), value_text(row->decided_by), value_integer(row->id)),
                      -ENOENT);
}

int store_request_delete(struct store *store, int64_t id)
{
    return row_change(store, "DELETE FROM requests WHERE id = $1", VALUES(value_integer(id)), -ENOENT);
}

int store_request_owner(struct store *store, const uint8_t name[APPROVAL_ID_LEN], char ret[NAME_MAX_LEN + 1])
{
    struct owner owner;
    int r = row_get(store, &owner_type,
                    "SELECT p.name FROM requests r JOIN principals p ON p.id = r.principal_id"
                    " WHERE r.name = $1",
                    VALUES(value_blob(BYTES(name, APPROVAL_ID_LEN))), &owner);

    if (r == 0)
        strcpy(ret, owner.name);
    return r;
}

int store_request_owners(struct store *store, char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count)
{
    return row_list(
        store, &owner_type,
        "SELECT name FROM principals WHERE id IN (SELECT principal_id FROM requests) ORDER BY name",
        VALUES_NONE, (void **)ret_names, ret_count);
}
