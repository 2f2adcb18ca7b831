/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sync.c - a merge of two stores, table by table: first what is too much goes, children before their parents; then
 * what is missing or different is written, parents first.
 */
#include "proxy/store/store_sync.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "include/log.h"
#include "proxy/store/backend.h"
#include "proxy/store/schema_tables.h"
#include "proxy/store/store_record.h"

/* One of the two stores, where the merge stands in it. */
struct side {
    struct store *store;
    const struct schema_table *table;
    struct buffer rows[PAGE_ROWS]; /* of the page */
    size_t count, at;
    bool is_last;                           /* of the pages */
    struct value values[TABLE_COLUMNS_MAX]; /* of the row at hand */
};

struct store_sync {
    struct schema_tables tables;
    struct store_sum *from_sums, *to_sums;
    struct side from, to;
    store_sync_fn *on_row;
    void *arg;
    uint64_t written; /* in this pass */
    size_t in_transaction;
};

int store_sync_new(struct store_sync **ret)
{
    CLEANUP(store_sync_free) struct store_sync *sync = calloc(1, sizeof(*sync));
    int r = sync ? schema_tables_new(&schema_current, &sync->tables) : -ENOMEM;

    if (r < 0)
        return r;
    sync->from_sums = calloc(sync->tables.count, sizeof(*sync->from_sums));
    sync->to_sums = calloc(sync->tables.count, sizeof(*sync->to_sums));
    if (!sync->from_sums || !sync->to_sums)
        return -ENOMEM;
    for (size_t i = 0; i < sync->tables.count; i++)
        sync->from_sums[i].table = sync->to_sums[i].table = sync->tables.items[i].name;
    *ret = TAKE(sync);
    return 0;
}

void store_sync_free(struct store_sync *sync)
{
    if (!sync)
        return;
    for (size_t i = 0; i < PAGE_ROWS; i++) {
        buffer_clear(&sync->from.rows[i]);
        buffer_clear(&sync->to.rows[i]);
    }
    schema_tables_clear(&sync->tables);
    free(sync->from_sums);
    free(sync->to_sums);
    free(sync);
}

const struct store_sum *store_sync_sums(const struct store_sync *sync, size_t *ret_count)
{
    *ret_count = sync->tables.count;
    return sync->to_sums;
}

/* ------------------------------------------------------------------------------------------------ reading a side */

static int keep_row(void *arg, struct values row)
{
    struct side *side = arg;
    struct buffer *record = &side->rows[side->count++];

    buffer_clear(record);
    record->limit = STORE_RECORD_MAX;
    store_record_append(record, row);
    return record->failed ? -ENOMEM : 0;
}

/* The key of the row at hand, as the parameters of a statement. */
static struct values key_of(const struct side *side, struct value room[TABLE_KEYS_MAX])
{
    for (size_t i = 0; i < side->table->key_count; i++)
        room[i] = side->values[side->table->keys[i]];
    return (struct values){ room, side->table->key_count };
}

static int take_row(struct side *side)
{
    struct reader reader = reader_of(buffer_bytes(&side->rows[side->at]));

    return store_record_read(&reader, side->table, side->values) < 0 ? -EUCLEAN : 0;
}

/* Replaces the page by the one behind it. What the key borrows is of the page before. */
static int turn_page(struct side *side, bool is_first)
{
    CLEANUP(buffer_clear) struct buffer last = { 0 };
    struct value room[TABLE_KEYS_MAX];
    struct values key = VALUES_NONE;
    int r;

    if (!is_first) {
        last = side->rows[side->count - 1];
        side->rows[side->count - 1] = (struct buffer){ 0 };
        key = key_of(side, room);
    }
    side->count = side->at = 0;
    r = store_run(side->store, is_first ? side->table->first_page : side->table->next_page, key, keep_row,
                  side, NULL);
    side->is_last = side->count < PAGE_ROWS;
    return r;
}

static bool has_row(const struct side *side)
{
    return side->at < side->count;
}

static int start(struct side *side, const struct schema_table *table)
{
    int r;

    side->table = table;
    r = turn_page(side, true);
    return r == 0 && has_row(side) ? take_row(side) : r;
}

static int advance(struct side *side)
{
    int r = 0;

    if (++side->at == side->count && !side->is_last)
        r = turn_page(side, false);
    return r == 0 && has_row(side) ? take_row(side) : r;
}

/* -------------------------------------------------------------------------------------------------------- merging */

/* As both backends order them: numbers by size, text and blobs byte by byte. */
static int compare_values(const struct value *one, const struct value *other)
{
    size_t len = one->bytes.len < other->bytes.len ? one->bytes.len : other->bytes.len;
    int order;

    if (one->kind == VALUE_INTEGER)
        return (one->integer > other->integer) - (one->integer < other->integer);
    order = len ? memcmp(one->bytes.data, other->bytes.data, len) : 0;
    return order ? order : (one->bytes.len > other->bytes.len) - (one->bytes.len < other->bytes.len);
}

/* Whose row comes first; 0: they have the same key. */
static int compare_keys(const struct side *from, const struct side *to)
{
    int order = 0;

    if (!has_row(from) || !has_row(to))
        return has_row(from) ? -1 : 1;
    for (size_t i = 0; order == 0 && i < from->table->key_count; i++)
        order = compare_values(&from->values[from->table->keys[i]], &to->values[from->table->keys[i]]);
    return order;
}

static struct bytes row_of(const struct side *side)
{
    return buffer_bytes(&side->rows[side->at]);
}

/* A transaction of some rows: one each would cost a write to the disk each, one of all a server's memory. */
static int write_row(struct store_sync *sync, const char *sql, struct values values)
{
    struct store *to = sync->to.store;
    int r = sync->in_transaction ? 0 : store_begin(to);

    if (r == 0) {
        sync->written++;
        sync->in_transaction++;
        r = store_run(to, sql, values, NULL, NULL, NULL);
    }
    if (r == 0 && sync->in_transaction == PAGE_ROWS) {
        sync->in_transaction = 0;
        r = store_commit(to);
    }
    return r;
}

static int end_writing(struct store_sync *sync, int r)
{
    if (sync->in_transaction && r == 0)
        r = store_commit(sync->to.store);
    else if (sync->in_transaction)
        store_rollback(sync->to.store);
    sync->in_transaction = 0;
    return r;
}

/* What is done with each row that one of them has, or both; @order as compare_keys() says it. */
typedef int visit_fn(struct store_sync *sync, int order);

static int visit_to_remove(struct store_sync *sync, int order)
{
    struct value room[TABLE_KEYS_MAX];

    return order > 0 ? write_row(sync, sync->to.table->remove, key_of(&sync->to, room)) : 0;
}

static int visit_to_put(struct store_sync *sync, int order)
{
    const struct side *from = &sync->from;

    if (order <= 0 && sync->on_row)
        sync->on_row(sync->arg);
    if (order > 0 || (order == 0 && bytes_equal(row_of(from), row_of(&sync->to))))
        return 0;
    return write_row(sync, from->table->put, (struct values){ from->values, from->table->column_count });
}

static int visit_to_sum(struct store_sync *sync, int order)
{
    size_t table = (size_t)(sync->from.table - sync->tables.items);
    int r = order <= 0 ? store_sum_add(&sync->from_sums[table], row_of(&sync->from)) : 0;

    return r == 0 && order >= 0 ? store_sum_add(&sync->to_sums[table], row_of(&sync->to)) : r;
}

static int merge_table(struct store_sync *sync, const struct schema_table *table, visit_fn *visit)
{
    struct side *from = &sync->from, *to = &sync->to;
    int r;

    if (strcmp(table->name, "moves") == 0) /* each has its own */
        return 0;
    r = start(from, table);
    if (r == 0)
        r = start(to, table);
    while (r == 0 && (has_row(to) || (has_row(from) && visit != visit_to_remove))) {
        int order = compare_keys(from, to);

        r = visit(sync, order);
        if (r == 0 && order <= 0)
            r = advance(from);
        if (r == 0 && order >= 0)
            r = advance(to);
    }
    return r;
}

/* A sequence that assigns ids does not see those that came with their rows. */
static int take_ids(struct store_sync *sync)
{
    const struct store_ops *ops = sync->to.store->ops;
    int r = 0;

    for (size_t i = 0; r == 0 && ops->ids_taken && i < sync->tables.count; i++)
        if (sync->tables.items[i].has_id)
            r = ops->ids_taken(sync->to.store, sync->tables.items[i].name);
    return r;
}

int store_sync_write(struct store_sync *sync, struct store *from, struct store *to, store_sync_fn *on_row,
                     void *arg, uint64_t *ret)
{
    size_t count = sync->tables.count;
    int r = 0;

    sync->from.store = from;
    sync->to.store = to;
    sync->on_row = on_row;
    sync->arg = arg;
    sync->written = 0;
    for (size_t i = count; r == 0 && i-- > 0;)
        r = merge_table(sync, &sync->tables.items[i], visit_to_remove);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = merge_table(sync, &sync->tables.items[i], visit_to_put);
    r = end_writing(sync, r);
    if (r == 0)
        r = take_ids(sync);
    *ret = sync->written;
    return r;
}

static int compare_sums(const struct store_sync *sync)
{
    int r = 0;

    for (size_t i = 0; i < sync->tables.count; i++) {
        if (store_sum_equal(&sync->from_sums[i], &sync->to_sums[i]))
            continue;
        log_event(LOG_LEVEL_ERROR, "store.sync", "table=%s rows=%" PRIu64 " expected=%" PRIu64,
                  sync->to_sums[i].table, sync->to_sums[i].rows, sync->from_sums[i].rows);
        r = -EUCLEAN;
    }
    return r;
}

int store_sync_compare(struct store_sync *sync, struct store *from, struct store *to)
{
    int r = 0;

    sync->from.store = from;
    sync->to.store = to;
    for (size_t i = 0; r == 0 && i < sync->tables.count; i++) {
        store_sum_reset(&sync->from_sums[i]);
        store_sum_reset(&sync->to_sums[i]);
        r = merge_table(sync, &sync->tables.items[i], visit_to_sum);
    }
    return r < 0 ? r : compare_sums(sync);
}
