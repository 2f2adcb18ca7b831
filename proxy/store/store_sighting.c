/* SPDX-License-Identifier: Apache-2.0 */
/* store_sighting.c - when each signer of each proxy was seen last, and how. Each writes its own row, so none waits for another. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

static const struct field sighting_fields[] = {
    FIELD(struct sighting, who.proxy), FIELD(struct sighting, who.signer), FIELD(struct sighting, state),
    FIELD(struct sighting, hsm),       FIELD(struct sighting, model),      FIELD(struct sighting, note),
    FIELD(struct sighting, version),   FIELD(struct sighting, started_ms), FIELD(struct sighting, seen_ms),
    FIELD(struct sighting, leases),
};
static const struct row_type sighting_type = ROW_TYPE("sighting", struct sighting, sighting_fields);

#define COLUMNS "proxy, signer, state, hsm, model, note, version, started_ms, seen_ms, leases"

int store_sighting_put(struct store *store, const struct sighting *sighting)
{
    struct value room[ROW_FIELDS_MAX];

    return row_change(
        store,
        "INSERT INTO sightings (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT (proxy, signer) DO UPDATE SET state = excluded.state, hsm = excluded.hsm,"
        " model = excluded.model, note = excluded.note, version = excluded.version,"
        " started_ms = excluded.started_ms, seen_ms = excluded.seen_ms, leases = excluded.leases",
        row_values(&sighting_type, sighting, 0, room), -EIO);
}

int store_sighting_list(struct store *store, int64_t since_ms, unsigned limit, struct sighting **ret_rows,
                        size_t *ret_count)
{
    void *rows = NULL;
    int r = row_list(store, &sighting_type,
                     "SELECT " COLUMNS " FROM sightings WHERE seen_ms >= $1 ORDER BY proxy, signer LIMIT $2",
                     VALUES(value_integer(since_ms), value_integer(limit)), &rows, ret_count);

    if (r == 0)
        *ret_rows = rows;
    return r;
}

int store_sighting_forget(struct store *store, int64_t since_ms)
{
    return row_change(store, "DELETE FROM sightings WHERE seen_ms < $1", VALUES(value_integer(since_ms)), 0);
}
