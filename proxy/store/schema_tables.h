/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_tables.h - the tables and columns of the schema, read from its own text: whoever copies all of a store cannot
 * forget one.
 */
#pragma once

#include "proxy/store/backend.h"
#include "proxy/store/schema.h"

#define TABLE_COLUMNS_MAX 64
#define TABLE_KEYS_MAX    4
#define PAGE_ROWS         256

struct schema_table {
    char *name;
    char *key; /* columns of the primary key, as in ORDER BY */
    enum value_kind kinds[TABLE_COLUMNS_MAX];
    size_t column_count;
    bool has_id;  /* which the backend assigns */
    char *select; /* all columns of all rows, by the primary key */
    char *insert;
    char *count;
    size_t keys[TABLE_KEYS_MAX]; /* the columns of the primary key, by number */
    size_t key_count;
    char *first_page; /* as select, PAGE_ROWS of it */
    char *next_page;  /* ... behind the row whose key is given */
    char *put;        /* as insert, or over the row that has that primary key */
    char *remove;     /* the row whose key is given */
};

struct schema_tables {
    struct schema_table *items; /* in the schema's order: what refers stands behind what it refers to */
    size_t count;
    size_t *ends; /* of each version: how many tables there are by then */
    unsigned version;
};

/* Errors: -EINVAL (the schema is not written as this reads it), -ENOMEM. */
MUST_CHECK int schema_tables_new(const struct schema *schema, struct schema_tables *ret);
/* Whether some version has just the first @count tables. */
bool schema_tables_is_end(const struct schema_tables *tables, size_t count);
/* The statements' addresses name their prepared forms: close every store that has run one first. */
void schema_tables_clear(struct schema_tables *tables);
