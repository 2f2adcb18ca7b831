/* SPDX-License-Identifier: Apache-2.0 */
/* store_copy.c - rows to records and records to rows. */
#include "proxy/store/store_copy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "include/log.h"
#include "proxy/store/backend.h"
#include "proxy/store/schema_tables.h"
#include "proxy/store/store_record.h"

struct store_copy {
    struct schema_tables tables;
    struct store_sum *sums;
    struct store_sum *said; /* by the 'E' records of what is being written */
    struct store *store;    /* being written */
    size_t table;           /* the one that rows belong to; tables.count: none */
    size_t ended;           /* tables whose 'E' was met */
};

/* Reading, row by row. */
struct reading {
    struct store_copy *copy;
    size_t table;
    store_sink_fn *sink; /* NULL: digests only */
    void *arg;
};

int store_copy_new_of(const struct schema *schema, struct store_copy **ret)
{
    CLEANUP(store_copy_free) struct store_copy *copy = calloc(1, sizeof(*copy));
    int r = copy ? schema_tables_new(schema, &copy->tables) : -ENOMEM;

    if (r < 0)
        return r;
    copy->sums = calloc(copy->tables.count, sizeof(*copy->sums));
    copy->said = calloc(copy->tables.count, sizeof(*copy->said));
    if (!copy->sums || !copy->said)
        return -ENOMEM;
    for (size_t i = 0; i < copy->tables.count; i++)
        copy->sums[i].table = copy->said[i].table = copy->tables.items[i].name;
    *ret = TAKE(copy);
    return 0;
}

int store_copy_new(struct store_copy **ret)
{
    return store_copy_new_of(&schema_current, ret);
}

void store_copy_free(struct store_copy *copy)
{
    if (!copy)
        return;
    schema_tables_clear(&copy->tables);
    free(copy->sums);
    free(copy->said);
    free(copy);
}

const struct store_sum *store_copy_sums(const struct store_copy *copy, size_t *ret_count)
{
    *ret_count = copy->tables.count;
    return copy->sums;
}

/* ----------------------------------------------------------------------------------------------------- reading */

static int on_number(void *arg, struct values row)
{
    *(uint64_t *)arg += (uint64_t)row.items[0].integer;
    return 0;
}

int store_copy_count(struct store_copy *copy, struct store *store, uint64_t *ret)
{
    int r = 0;

    *ret = 0;
    for (size_t i = 0; r == 0 && i < copy->tables.count; i++)
        r = store_run(store, copy->tables.items[i].count, VALUES_NONE, on_number, ret, NULL);
    return r;
}

static int on_row(void *arg, struct values row)
{
    const struct reading *reading = arg;
    CLEANUP(buffer_clear) struct buffer record = { .limit = STORE_RECORD_MAX };
    int r;

    buffer_append_u8(&record, 'R');
    store_record_append(&record, row);
    if (record.failed)
        return -ENOMEM;
    r = store_sum_add(&reading->copy->sums[reading->table], BYTES(record.data + 1, record.len - 1));
    return r == 0 && reading->sink ? reading->sink(reading->arg, buffer_bytes(&record)) : r;
}

static int say_table(const struct reading *reading)
{
    CLEANUP(buffer_clear) struct buffer record = { 0 };

    buffer_append_u8(&record, 'T');
    buffer_append_u32(&record, (uint32_t)reading->table);
    return record.failed ? -ENOMEM : reading->sink(reading->arg, buffer_bytes(&record));
}

static int say_sum(const struct reading *reading)
{
    const struct store_sum *sum = &reading->copy->sums[reading->table];
    CLEANUP(buffer_clear) struct buffer record = { 0 };

    buffer_append_u8(&record, 'E');
    buffer_append_u64(&record, sum->rows);
    buffer_append(&record, BYTES_OF_ARRAY(sum->digest));
    return record.failed ? -ENOMEM : reading->sink(reading->arg, buffer_bytes(&record));
}

static int read_table(struct reading *reading, struct store *store)
{
    int r = reading->sink ? say_table(reading) : 0;

    store_sum_reset(&reading->copy->sums[reading->table]);
    if (r == 0)
        r = store_run(store, reading->copy->tables.items[reading->table].select, VALUES_NONE, on_row, reading,
                      NULL);
    return r == 0 && reading->sink ? say_sum(reading) : r;
}

/* Of a newer store it would leave out what it does not know. */
static int check_version(const struct store_copy *copy, struct store *store)
{
    unsigned version;
    int r = schema_read_version(store, &version);

    if (r < 0 || version == copy->tables.version)
        return r;
    log_event(LOG_LEVEL_ERROR, "store.copy",
              "version=%u this_program=%u do=\"use the program of that version\"", version,
              copy->tables.version);
    return -EPROTO;
}

int store_copy_read(struct store_copy *copy, struct store *store, store_sink_fn *sink, void *arg)
{
    struct reading reading = { .copy = copy, .sink = sink, .arg = arg };
    int r = store_begin_read(store);

    if (r == 0)
        r = check_version(copy, store);
    for (; r == 0 && reading.table < copy->tables.count; reading.table++)
        r = read_table(&reading, store);
    store_rollback(store);
    return r;
}

/* ----------------------------------------------------------------------------------------------------- writing */

int store_copy_write_begin(struct store_copy *copy, struct store *store)
{
    uint64_t rows;
    int r = store_begin(store);

    if (r == 0)
        r = store_copy_count(copy, store, &rows);
    if (r == 0 && rows > 0)
        r = -EEXIST;
    if (r < 0) {
        store_rollback(store);
        return r;
    }
    for (size_t i = 0; i < copy->tables.count; i++)
        store_sum_reset(&copy->sums[i]);
    copy->store = store;
    copy->table = copy->tables.count;
    copy->ended = 0;
    return 0;
}

/* The next table, in the schema's order: none is left out. */
static int take_table(struct store_copy *copy, struct reader *reader)
{
    uint32_t table = reader_u32(reader);

    if (!reader_done(reader) || copy->table != copy->tables.count || table != copy->ended ||
        table >= copy->tables.count)
        return -EBADMSG;
    copy->table = table;
    return 0;
}

static int take_row(struct store_copy *copy, struct reader *reader)
{
    const struct schema_table *table = &copy->tables.items[copy->table];
    struct value values[TABLE_COLUMNS_MAX];
    struct bytes row = reader->rest;

    if (store_record_read(reader, table, values) < 0)
        return -EBADMSG;
    return store_run(copy->store, table->insert, (struct values){ values, table->column_count }, NULL, NULL,
                     NULL) < 0
               ? -EBADMSG
               : store_sum_add(&copy->sums[copy->table], row);
}

static int take_sum(struct store_copy *copy, struct reader *reader)
{
    const struct schema_table *table = &copy->tables.items[copy->table];
    const struct store_ops *ops = copy->store->ops;
    struct store_sum *said = &copy->said[copy->table];
    const struct store_sum *sum = &copy->sums[copy->table];
    struct bytes digest;

    said->rows = reader_u64(reader);
    digest = reader_run(reader, HASH_LEN);
    if (!reader_done(reader))
        return -EBADMSG;
    memcpy(said->digest, digest.data, HASH_LEN);
    copy->table = copy->tables.count;
    copy->ended++;
    if (!store_sum_equal(said, sum))
        return -EUCLEAN;
    return table->has_id && ops->ids_taken ? ops->ids_taken(copy->store, table->name) : 0;
}

static int take_record(struct store_copy *copy, struct bytes record)
{
    struct reader reader = reader_of(record);
    uint8_t kind = reader_u8(&reader);

    if (kind == 'T')
        return take_table(copy, &reader);
    if (copy->table == copy->tables.count)
        return -EBADMSG;
    return kind == 'R' ? take_row(copy, &reader) : kind == 'E' ? take_sum(copy, &reader) : -EBADMSG;
}

int store_copy_write(struct store_copy *copy, struct bytes record)
{
    int r;

    assert(copy->store);
    r = take_record(copy, record);
    if (r < 0)
        store_rollback(copy->store);
    return r;
}

/* What the backend gives back must be what it was given. */
static int check_written(struct store_copy *copy)
{
    int r = store_copy_read(copy, copy->store, NULL, NULL);

    for (size_t i = 0; r == 0 && i < copy->tables.count; i++) {
        if (store_sum_equal(&copy->sums[i], &copy->said[i]))
            continue;
        log_event(LOG_LEVEL_ERROR, "store.copy", "table=%s rows=%llu expected=%llu", copy->sums[i].table,
                  (unsigned long long)copy->sums[i].rows, (unsigned long long)copy->said[i].rows);
        r = -EUCLEAN;
    }
    return r;
}

int store_copy_write_end(struct store_copy *copy)
{
    int r = schema_tables_is_end(&copy->tables, copy->ended) ? 0 : -EBADMSG; /* an older version has fewer */

    if (r < 0)
        store_rollback(copy->store);
    else
        r = store_commit(copy->store);
    if (r == 0)
        r = check_written(copy);
    copy->store = NULL;
    return r;
}
