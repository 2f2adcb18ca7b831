/* SPDX-License-Identifier: Apache-2.0 */
/* store_enrolment.c - how often a device was to be enrolled in a name, and failed to be. */
#include "proxy/store/store.h"

#include <errno.h>

#include "proxy/store/row.h"

static const struct field enrolment_fields[] = {
    FIELD(struct enrolment_row, slot),      FIELD(struct enrolment_row, failures),
    FIELD(struct enrolment_row, failed_ms), FIELD(struct enrolment_row, sequence),
    FIELD(struct enrolment_row, mac),
};
static const struct row_type enrolment_type =
    ROW_TYPE("enrolment attempts", struct enrolment_row, enrolment_fields);

int store_enrolment_get(struct store *store, uint32_t slot, struct enrolment_row *ret)
{
    return row_get(store, &enrolment_type,
                   "SELECT slot, failures, failed_ms, sequence, mac FROM enrolment_attempts WHERE slot = $1",
                   VALUES(value_integer(slot)), ret);
}

int store_enrolment_put(struct store *store, const struct enrolment_row *row, uint64_t old_sequence)
{
    struct value room[ROW_FIELDS_MAX];
    struct values values = row_values(&enrolment_type, row, 0, room);

    room[values.count++] = value_integer((int64_t)old_sequence);
    return row_change(store,
                      "INSERT INTO enrolment_attempts (slot, failures, failed_ms, sequence, mac)"
                      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (slot) DO UPDATE SET"
                      " failures = excluded.failures, failed_ms = excluded.failed_ms,"
                      " sequence = excluded.sequence, mac = excluded.mac"
                      " WHERE enrolment_attempts.sequence = $6",
                      values, -ESTALE);
}
