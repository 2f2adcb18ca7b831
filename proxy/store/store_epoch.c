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

static int count(struct store *store, const char *sql, uint32_t epoch, uint64_t *ret)
{
    struct epoch_count row = { 0 };
    int r = row_get(store, &count_type, sql, VALUES(value_integer(epoch)), &row);

    if (r == 0)
        *ret = row.rows;
    return r;
}

int store_count_kd(struct store *store, uint32_t epoch, uint64_t *ret)
{
    return count(store,
                 "SELECT (SELECT COUNT(*) FROM access_rows WHERE kd_epoch = $1)"
                 " + (SELECT COUNT(*) FROM keys WHERE kd_epoch = $1)"
                 " + (SELECT COUNT(*) FROM quorum_shares WHERE kd_epoch = $1)"
                 " + (SELECT COUNT(*) FROM factors WHERE kd_epoch = $1)",
                 epoch, ret);
}

int store_count_kw(struct store *store, uint32_t epoch, uint64_t *ret)
{
    return count(store, "SELECT COUNT(*) FROM keys WHERE kw_epoch = $1 AND usage = 0", epoch, ret);
}

int store_count_kx(struct store *store, uint32_t epoch, uint64_t *ret)
{
    return count(store, "SELECT COUNT(*) FROM keys WHERE kw_epoch = $1 AND usage > 0", epoch, ret);
}
