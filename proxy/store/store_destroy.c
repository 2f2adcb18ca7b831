/* SPDX-License-Identifier: Apache-2.0 */
/* store_destroy.c - what a token holds, and the token itself, deleted in the order in which rows refer to each other. */
#include "proxy/store/store.h"

#include <errno.h>

#include "include/table.h"
#include "proxy/store/row.h"

static int delete_all(struct store *store, const char *const statements[], size_t count, int64_t token_id)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = row_change(store, statements[i], VALUES(value_integer(token_id)), 0);
    return r;
}

int store_token_empty(struct store *store, int64_t token_id)
{
    static const char *const statements[] = {
        "DELETE FROM certificates WHERE token_id = $1", "DELETE FROM keys WHERE token_id = $1",
        "DELETE FROM access_rows WHERE token_id = $1",  "DELETE FROM quorum_shares WHERE token_id = $1",
        "DELETE FROM quorums WHERE token_id = $1",
    };

    return delete_all(store, statements, ARRAY_SIZE(statements), token_id);
}

int store_token_delete(struct store *store, int64_t token_id, uint64_t old_sequence)
{
    static const char *const statements[] = {
        "DELETE FROM attempts WHERE token_id = $1",
        "DELETE FROM factors WHERE token_id = $1",
        "DELETE FROM grants WHERE token_id = $1",
        "DELETE FROM group_members WHERE token_id = $1",
    };
    int r = store_token_empty(store, token_id);

    if (r == 0)
        r = delete_all(store, statements, ARRAY_SIZE(statements), token_id);
    if (r < 0)
        return r;
    return row_change(store, "DELETE FROM tokens WHERE id = $1 AND sequence = $2",
                      VALUES(value_integer(token_id), value_integer((int64_t)old_sequence)), -ESTALE);
}
