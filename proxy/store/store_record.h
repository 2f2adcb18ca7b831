/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_record.h - a row as bytes that no backend has its own form of, and the digest of a table's rows.
 *   value  = kind (1), then 8 bytes, or a length (4) and as many bytes; big-endian numbers
 *   digest = of a table: SHA-256(digest before it | the row's values), row by row in the order of the primary key
 */
#pragma once

#include "include/bytes.h"
#include "proxy/store/schema_tables.h"
#include "proxy/store/store_copy.h"

/* Remembers failures as buffers do. */
void store_record_append(struct buffer *record, struct values row);
/* The values of a row of @table, which borrow from @reader's bytes. Errors: -EBADMSG. */
MUST_CHECK int store_record_read(struct reader *reader, const struct schema_table *table,
                                 struct value ret[TABLE_COLUMNS_MAX]);

void store_sum_reset(struct store_sum *sum);
/* @row: its values. Errors: -ENOMEM. */
MUST_CHECK int store_sum_add(struct store_sum *sum, struct bytes row);
bool store_sum_equal(const struct store_sum *one, const struct store_sum *other);
