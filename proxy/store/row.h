/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row.h - between the columns of a statement and the fields of a C struct, by a table of fields.
 *
 * What comes back from a database is as foreign as what comes from a network: a number out of its field's range, a
 * blob of another length, a text with a NUL are refused (-EUCLEAN, logged), never cut to fit.
 */
#pragma once

#include <stddef.h>

#include "include/table.h"
#include "proxy/store/backend.h"

enum field_kind {
    FIELD_BOOL,
    FIELD_INT,
    FIELD_U32, /* and enumerations */
    FIELD_I64,
    FIELD_U64,    /* kept as the signed number of the same bits */
    FIELD_TEXT,   /* char[size] with its NUL */
    FIELD_BYTES,  /* uint8_t[size], always full */
    FIELD_BUFFER, /* struct buffer, owned by the row */
};

struct field {
    enum field_kind kind;
    size_t offset;
    size_t size;
};

/* The kind follows from the member's type. */
#define FIELD(type, member)                                                                                    \
    {                                                                                                          \
        _Generic(((type *)NULL)->member,                                                                     \
            bool: FIELD_BOOL,                                                                                \
            int: FIELD_INT,                                                                                  \
            unsigned: FIELD_U32,                                                                             \
            int64_t: FIELD_I64,                                                                              \
            uint64_t: FIELD_U64,                                                                             \
            char *: FIELD_TEXT,                                                                              \
            uint8_t *: FIELD_BYTES,                                                                          \
            struct buffer: FIELD_BUFFER),                                                                    \
            offsetof(type, member), sizeof(((type *)NULL)->member) \
    }

/* What a statement selects, in this order. */
struct row_type {
    const char *name; /* for the log */
    size_t size;      /* of the struct */
    const struct field *fields;
    size_t field_count;
};

#define ROW_TYPE(row_name, type, field_table)                                                                \
    {                                                                                                        \
        .name = (row_name), .size = sizeof(type), .fields = (field_table),                                   \
        .field_count = ARRAY_SIZE(field_table)                                                               \
    }

#define ROW_FIELDS_MAX 48

/* The values of @row's fields from number @first on, as parameters. They borrow from @row and live in @room. */
struct values row_values(const struct row_type *type, const void *row, size_t first,
                         struct value room[ROW_FIELDS_MAX]);

/* Frees what the row owns and zeroes it. */
void row_clear(const struct row_type *type, void *row);
void rows_free(const struct row_type *type, void *rows, size_t count);

/* The one row that @sql selects; what @ret held is overwritten, not freed. Errors: -ENOENT. */
MUST_CHECK int row_get(struct store *store, const struct row_type *type, const char *sql,
                       struct values parameters, void *ret);
/* All rows that @sql selects, as one malloc'd array (NULL when there is none). */
MUST_CHECK int row_list(struct store *store, const struct row_type *type, const char *sql,
                        struct values parameters, void **ret_rows, size_t *ret_count);
/* INSERT ... ($1 ...) RETURNING id: all fields but the first, which is the id and is set. */
MUST_CHECK int row_insert(struct store *store, const struct row_type *type, const char *sql, void *row);
/* A statement without an answer. @if_none: the error when it changes nothing, 0 if that is none. */
MUST_CHECK int row_change(struct store *store, const char *sql, struct values parameters, int if_none);
