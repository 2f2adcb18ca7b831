/* SPDX-License-Identifier: Apache-2.0 */
/* store_record.c - values to bytes and back, and sums over them. */
#include "proxy/store/store_record.h"

#include <errno.h>
#include <string.h>

#include "proto/digest.h"

static void append_value(struct buffer *record, const struct value *value)
{
    buffer_append_u8(record, (uint8_t)value->kind);
    if (value->kind == VALUE_INTEGER) {
        buffer_append_u64(record, (uint64_t)value->integer);
        return;
    }
    buffer_append_u32(record, (uint32_t)value->bytes.len);
    buffer_append(record, value->bytes);
}

void store_record_append(struct buffer *record, struct values row)
{
    for (size_t i = 0; i < row.count; i++)
        append_value(record, &row.items[i]);
}

static bool read_value(struct reader *reader, enum value_kind kind, struct value *ret)
{
    if (reader_u8(reader) != (uint8_t)kind)
        return false;
    if (kind == VALUE_INTEGER)
        *ret = value_integer((int64_t)reader_u64(reader));
    else
        *ret = (struct value){ .kind = kind, .bytes = reader_run(reader, reader_u32(reader)) };
    return !reader->failed;
}

int store_record_read(struct reader *reader, const struct schema_table *table,
                      struct value ret[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++)
        if (!read_value(reader, table->kinds[i], &ret[i]))
            return -EBADMSG;
    return reader_done(reader) ? 0 : -EBADMSG;
}

void store_sum_reset(struct store_sum *sum)
{
    sum->rows = 0;
    memset(sum->digest, 0, HASH_LEN);
}

int store_sum_add(struct store_sum *sum, struct bytes row)
{
    CLEANUP(buffer_clear) struct buffer input = { .limit = STORE_RECORD_MAX + HASH_LEN };

    buffer_append(&input, BYTES_OF_ARRAY(sum->digest));
    buffer_append(&input, row);
    if (input.failed)
        return -ENOMEM;
    sum->rows++;
    return digest_sha256(NULL, buffer_bytes(&input), sum->digest);
}

bool store_sum_equal(const struct store_sum *one, const struct store_sum *other)
{
    return one->rows == other->rows && memcmp(one->digest, other->digest, HASH_LEN) == 0;
}
