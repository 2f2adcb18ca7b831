/* SPDX-License-Identifier: Apache-2.0 */
/* row.c - between the columns of a statement and the fields of a C struct, by a table of fields. */
#include "proxy/store/row.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "include/log.h"
#include "proto/limits.h"

#define ROW_BUFFER_MAX 65536 /* bytes; the largest that is stored is a certificate (CERTIFICATE_MAX) */
#define ROWS_MAX       65536 /* of one answer: a damaged database must not fill our memory */

/* ------------------------------------------------------------------------------------------ fields to values */

static struct value value_of_number(const struct field *field, const void *member)
{
    const bool *flag = member;
    const int *number = member;
    const uint32_t *u32 = member;
    const int64_t *i64 = member; /* and the bits of a uint64_t */

    switch (field->kind) {
    case FIELD_BOOL:
        return value_integer(*flag);
    case FIELD_INT:
        return value_integer(*number);
    case FIELD_U32:
        return value_integer(*u32);
    default:
        return value_integer(*i64);
    }
}

static struct value value_of(const struct field *field, const void *member)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return value_text(member);
    case FIELD_BYTES:
        return value_blob(BYTES(member, field->size));
    case FIELD_BUFFER:
        return value_blob(buffer_bytes(member));
    default:
        return value_of_number(field, member);
    }
}

struct values row_values(const struct row_type *type, const void *row, size_t first,
                         struct value room[ROW_FIELDS_MAX])
{
    size_t count = type->field_count - first;

    assert(count <= ROW_FIELDS_MAX);
    for (size_t i = 0; i < count; i++)
        room[i] = value_of(&type->fields[first + i], (const uint8_t *)row + type->fields[first + i].offset);
    return (struct values){ room, count };
}

/* ------------------------------------------------------------------------------------------ values to fields */

static const struct {
    enum value_kind kind;
    int64_t least, most; /* of a number */
} field_kinds[] = {
    [FIELD_BOOL] = { VALUE_INTEGER, 0, 1 },
    [FIELD_INT] = { VALUE_INTEGER, INT_MIN, INT_MAX },
    [FIELD_U32] = { VALUE_INTEGER, 0, UINT32_MAX },
    [FIELD_I64] = { VALUE_INTEGER, INT64_MIN, INT64_MAX },
    [FIELD_U64] = { VALUE_INTEGER, INT64_MIN, INT64_MAX },
    [FIELD_TEXT] = { VALUE_TEXT, 0, 0 },
    [FIELD_BYTES] = { VALUE_BLOB, 0, 0 },
    [FIELD_BUFFER] = { VALUE_BLOB, 0, 0 },
};

static bool value_fits(const struct field *field, const struct value *value)
{
    if (value->kind != field_kinds[field->kind].kind)
        return false;
    switch (field->kind) {
    case FIELD_TEXT:
        return value->bytes.len < field->size &&
               (value->bytes.len == 0 || !memchr(value->bytes.data, '\0', value->bytes.len));
    case FIELD_BYTES:
        return value->bytes.len == field->size;
    case FIELD_BUFFER:
        return value->bytes.len <= ROW_BUFFER_MAX;
    default:
        return value->integer >= field_kinds[field->kind].least &&
               value->integer <= field_kinds[field->kind].most;
    }
}

static void copy_bytes(struct bytes bytes, void *member)
{
    if (bytes.len)
        memcpy(member, bytes.data, bytes.len);
}

/* @value fits, and the row was zeroed: a text has its NUL. */
static int field_set(const struct field *field, const struct value *value, void *member)
{
    switch (field->kind) {
    case FIELD_BOOL:
        *(bool *)member = value->integer != 0;
        return 0;
    case FIELD_INT:
        *(int *)member = (int)value->integer;
        return 0;
    case FIELD_U32:
        *(uint32_t *)member = (uint32_t)value->integer;
        return 0;
    case FIELD_I64:
        *(int64_t *)member = value->integer;
        return 0;
    case FIELD_U64:
        *(uint64_t *)member = (uint64_t)value->integer;
        return 0;
    case FIELD_TEXT:
    case FIELD_BYTES:
        copy_bytes(value->bytes, member);
        return 0;
    case FIELD_BUFFER:
        buffer_append(member, value->bytes);
        return ((struct buffer *)member)->failed ? -ENOMEM : 0;
    }
    return -EINVAL;
}

/* @row is zeroed. */
static int row_read(const struct row_type *type, struct values values, void *row)
{
    assert(values.count == type->field_count);
    for (size_t i = 0; i < values.count; i++) {
        const struct field *field = &type->fields[i];
        int r;

        if (!value_fits(field, &values.items[i])) {
            log_event_limited(LOG_LEVEL_ERROR, 6, "store.damaged", "row=%s column=%zu", type->name, i + 1);
            return -EUCLEAN;
        }
        r = field_set(field, &values.items[i], (uint8_t *)row + field->offset);
        if (r < 0)
            return r;
    }
    return 0;
}

void row_clear(const struct row_type *type, void *row)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind == FIELD_BUFFER)
            buffer_clear((void *)((uint8_t *)row + type->fields[i].offset));
    memset(row, 0, type->size);
}

void rows_free(const struct row_type *type, void *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        row_clear(type, (uint8_t *)rows + i * type->size);
    free(rows);
}

/* ------------------------------------------------------------------------------------------------ statements */

/* The rows of one answer, as they come. */
struct row_sink {
    const struct row_type *type;
    uint8_t *rows;
    size_t count, capacity;
};

static void row_sink_clear(struct row_sink *sink)
{
    rows_free(sink->type, sink->rows, sink->count);
}
DEFINE_CLEAR(row_sink_clear, struct row_sink);

static int sink_reserve(struct row_sink *sink)
{
    size_t capacity = sink->capacity ? 2 * sink->capacity : 1;
    uint8_t *rows;

    if (sink->count < sink->capacity)
        return 0;
    if (capacity > ROWS_MAX)
        return -EUCLEAN;
    rows = reallocarray(sink->rows, capacity, sink->type->size);
    if (!rows)
        return -ENOMEM;
    sink->rows = rows;
    sink->capacity = capacity;
    return 0;
}

static int on_row(void *arg, struct values values)
{
    struct row_sink *sink = arg;
    int r = sink_reserve(sink);
    uint8_t *row;

    if (r < 0)
        return r;
    row = sink->rows + sink->count * sink->type->size;
    memset(row, 0, sink->type->size);
    sink->count++; /* before it is read: what a half-read row owns is freed with the others */
    return row_read(sink->type, values, row);
}

int row_list(struct store *store, const struct row_type *type, const char *sql, struct values parameters,
             void **ret_rows, size_t *ret_count)
{
    CLEANUP(row_sink_clear) struct row_sink sink = { .type = type };
    int r = store_run(store, sql, parameters, on_row, &sink, NULL);

    if (r < 0)
        return r;
    *ret_rows = TAKE(sink.rows);
    *ret_count = sink.count;
    sink.count = 0;
    return 0;
}

int row_get(struct store *store, const struct row_type *type, const char *sql, struct values parameters,
            void *ret)
{
    CLEANUP(free) void *rows = NULL;
    size_t count;
    int r = row_list(store, type, sql, parameters, &rows, &count);

    if (r < 0)
        return r;
    if (count != 1) { /* more than one: a unique index that is none any more */
        rows_free(type, TAKE(rows), count);
        return count ? -EUCLEAN : -ENOENT;
    }
    memcpy(ret, rows, type->size);
    return 0;
}

static int on_id(void *arg, struct values values)
{
    *(int64_t *)arg = values.items[0].integer;
    return 0;
}

int row_insert(struct store *store, const struct row_type *type, const char *sql, void *row)
{
    struct value room[ROW_FIELDS_MAX];
    int64_t id = 0;
    int r = store_run(store, sql, row_values(type, row, 1, room), on_id, &id, NULL);

    if (r < 0)
        return r;
    assert(type->fields[0].kind == FIELD_I64);
    memcpy((uint8_t *)row + type->fields[0].offset, &id, sizeof(id));
    return 0;
}

int row_change(struct store *store, const char *sql, struct values parameters, int if_none)
{
    size_t changed = 0;
    int r = store_run(store, sql, parameters, NULL, NULL, &changed);

    if (r < 0)
        return r;
    return changed ? 0 : if_none;
}
