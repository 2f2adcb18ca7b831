/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend.h - what a storage backend does for the store: it opens, it runs statements, it keeps transactions.
 *
 * Rows, statements and schema are shared by all backends (store_*.c, schema.c), written in the SQL that they have in
 * common: parameters are $1, $2 ..., every one of them used; no NULL anywhere; INSERT ... RETURNING and ON CONFLICT.
 * What they have not in common is a word of struct dialect. Source: SQLite 3.40, PostgreSQL 15.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"
#include "include/cleanup.h"
#include "proxy/store/store.h"

/*
 * Ends a SELECT of one row by its key, which the rest of a transaction may write over: a backend whose transactions
 * run side by side locks the row. Tokens, principals and groups are read so; their rows bind all that is theirs.
 */
#define ROW_LOCK " /* FOR UPDATE */"

/* ------------------------------------------------------------------------------------------------- values */

enum value_kind { VALUE_INTEGER, VALUE_TEXT, VALUE_BLOB };

/* A parameter, or a column of a row. Borrows its bytes. */
struct value {
    enum value_kind kind;
    int64_t integer;
    struct bytes bytes;
};

struct values {
    const struct value *items;
    size_t count;
};

/* The parameters of a statement: VALUES(value_integer(id), value_text(name)). Lives as long as its block. */
#define VALUES(...)                                                                                          \
    ((struct values){ (const struct value[]){ __VA_ARGS__ },                                                 \
                      sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value) })
#define VALUES_NONE ((struct values){ NULL, 0 })

static inline struct value value_integer(int64_t integer)
{
    return (struct value){ .kind = VALUE_INTEGER, .integer = integer };
}

static inline struct value value_text(const char *text)
{
    return (struct value){ .kind = VALUE_TEXT, .bytes = bytes_of_text(text) };
}

static inline struct value value_blob(struct bytes bytes)
{
    return (struct value){ .kind = VALUE_BLOB, .bytes = bytes };
}

/* ----------------------------------------------------------------------------------------------- backends */

/* The words of the schema that differ: "{id}" in schema.c becomes dialect->id. */
struct dialect {
    const char *id;     /* a 64-bit number that the backend assigns, ascending, never twice */
    const char *number; /* 64 bits, signed */
    const char *text;   /* UTF-8, compared byte by byte */
    const char *blob;
    const char *strict; /* after a table's last bracket */
};

/* Gets each row while the statement runs; what it borrows is gone afterwards. A negative errno ends the statement. */
typedef int store_row_fn(void *arg, struct values row);

struct store_ops {
    const struct dialect *dialect;
    /* @where: the URL behind "scheme:". @may_create: an empty database, if there is none. */
    int (*open)(const char *where, bool may_create, struct store **ret);
    void (*close)(struct store *store);
    /*
     * Runs one statement. @sql is a literal: its address names the prepared form, which is kept. @on_row may be NULL,
     * as may @ret_changed: the number of rows that an INSERT, UPDATE or DELETE touched.
     * Errors: those in store.h; -EEXIST (a unique column's value is taken), -ENOENT (a row that it refers to is not
     * there), -EPROTO (the schema is not ours).
     */
    int (*run)(struct store *store, const char *sql, struct values parameters, store_row_fn *on_row,
               void *arg, size_t *ret_changed);
    /* Runs a script of statements without parameters and rows. */
    int (*execute)(struct store *store, const char *script);
    const char *begin;      /* the statement that starts a transaction which has the write lock */
    const char *begin_read; /* ... which sees one moment's rows and keeps nobody from writing */
    /* @table's rows were written with ids of their own: the next one is above them. NULL: it is, by itself. */
    int (*ids_taken)(struct store *store, const char *table);
};

/* A backend's own struct begins with this one. */
struct store {
    const struct store_ops *ops;
    bool is_in_transaction;
    bool is_ours;      /* its schema was found right */
    bool has_left;     /* and is not there any more: the store was moved (store_move.h) */
    uint64_t spent_us; /* in statements, since it was opened */
    store_wait_fn *wait;
    void *wait_arg;
    bool is_waiting; /* in wait(): whoever asks now came from there */
};

/* As poll(2) on one descriptor, for a backend that waits for its database. */
int store_wait(struct store *store, int fd, short events, int timeout_ms);
/* For a backend that can only try again: waits @pause_ms more, after @waited_ms. */
void store_pause(struct store *store, uint64_t waited_ms, int pause_ms);
/* CLOCK_MONOTONIC. */
uint64_t store_clock_us(void);

/* ops->run(), timed. */
int store_run(struct store *store, const char *sql, struct values parameters, store_row_fn *on_row, void *arg,
              size_t *ret_changed);

struct store_backend {
    const char *scheme;
    const struct store_ops *ops;
};

extern const struct store_backend store_backends[]; /* ends with a row of NULLs */
extern const struct store_ops store_sqlite_ops, store_postgres_ops;
