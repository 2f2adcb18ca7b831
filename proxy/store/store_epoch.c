/* SPDX-License-Identifier: Apache-2.0 */
/* store_epoch.c - how many rows need an epoch of a master key. */
#include "proxy/store/store.h"

#include "proxy/store/row.h"

struct epoch_count {
    uint64_t rows;
};

static const struct field count_fields[] = { FIELD(struct epoch_count, rows) };
static const struct row_type count_type =
    ROW_TYPE("count of an epoch's rows", struct epoch_count, count_fields);

static const struct field kd_fields[] = {
    FIELD(struct kd_rows, pins),  FIELD(struct kd_rows, keys),    FIELD(struct kd_rows, authenticators),
    FIELD(struct kd_rows, codes), FIELD(struct kd_rows, quorums), FIELD(struct kd_rows, shares),
};
static const struct row_type kd_type = ROW_TYPE("rows of an epoch of Kd", struct kd_rows, kd_fields);

static int count(struct store *store, const char *sql, uint32_t epoch, uint64_t *ret)
{
    struct epoch_count row = { 0 };
    int r = row_get(store, &count_type, sql, VALUES(value_integer(epoch)), &row);

    if (r == 0)
        *ret = row.rows;
    return r;
}

int store_list_kd(struct store *store, uint32_t epoch, struct kd_rows *ret)
{
    return row_get(store, &kd_type,
                   "SELECT (SELECT COUNT(*) FROM access_rows WHERE kd_epoch = $1 AND kind = 0),"
                   " (SELECT COUNT(*) FROM keys WHERE kd_epoch = $1),"
                   " (SELECT COUNT(*) FROM factors WHERE kd_epoch = $1),"
                   " (SELECT COUNT(*) FROM access_rows WHERE kd_epoch = $1 AND kind = 1),"
                   " (SELECT COUNT(*) FROM access_rows WHERE kd_epoch = $1 AND kind = 2),"
                   " (SELECT COUNT(*) FROM quorum_shares WHERE kd_epoch = $1)",
                   VALUES(value_integer(epoch)), ret);
}

int store_count_kd(struct store *store, uint32_t epoch, uint64_t *ret)
{
    struct kd_rows rows = { 0 };
    int r = store_list_kd(store, epoch, &rows);

    if (r == 0)
        *ret = rows.pins + rows.keys + rows.authenticators + rows.codes + rows.quorums + rows.shares;
    return r;
}

int store_count_kw(struct store *store, uint32_t epoch, uint64_t *ret)
{
    return count(store, "SELECT COUNT(*) FROM keys WHERE kw_epoch = $1 AND usage = 0", epoch, ret);
}

int store_count_kx(struct store *store, uint32_t epoch, uint64_t *ret)
{
    return count(store, "SELECT COUNT(*) FROM keys WHERE kw_epoch = $1 AND usage > 0", epoch, ret);
}
