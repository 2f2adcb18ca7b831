/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sqlite.c - the store in one SQLite file that all signers of a proxy share.
 *
 * WAL with synchronous=FULL: readers never wait, a commit that returned survives a power cut. Writers queue for the
 * write lock, which a transaction takes when it begins, so that none finds out at its end that it was second.
 * What is deleted is overwritten (secure_delete): an old PIN's rows are gone from the file, not only from its index.
 */
#include "proxy/store/backend.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/store/row.h"
#include "proxy/store/sqlite_vfs.h"

#define PATIENCE_MS    5000 /* with other writers */
#define STATEMENTS_MAX 256  /* more than all of store_*.c and the settings below */
#define COLUMNS_MAX    ROW_FIELDS_MAX
#define PARAMETER_ROOM 24 /* "$" and a size_t */

struct statement {
    const char *sql; /* the literal's address is the name */
    sqlite3_stmt *prepared;
};

struct sqlite_store {
    struct store store; /* first: a struct store * is one of ours */
    sqlite3 *db;
    struct sqlite_vfs vfs;
    struct statement statements[STATEMENTS_MAX];
    size_t statement_count;
    uint64_t locked_us; /* since when a statement waits for others' lock */
};

static const struct dialect dialect = {
    .id = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .number = "INTEGER",
    .text = "TEXT",
    .blob = "BLOB",
    .strict = " STRICT",
};

/* The first row that matches; a result code is the last byte of its extended codes (sqlite.org/rescode.html). */
static const struct {
    int code;
    int error;
} errors[] = {
    { SQLITE_CONSTRAINT_UNIQUE, -EEXIST },
    { SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST },
    { SQLITE_CONSTRAINT_FOREIGNKEY, -ENOENT },
    { SQLITE_BUSY, -EAGAIN },
    { SQLITE_LOCKED, -EAGAIN },
    { SQLITE_FULL, -ENOSPC },
    { SQLITE_NOMEM, -ENOMEM },
    { SQLITE_CORRUPT, -EUCLEAN },
    { SQLITE_NOTADB, -EUCLEAN },
    { SQLITE_READONLY, -EROFS },
};

/* Expected refusals are the caller's to tell; the rest is said here, where SQLite's words are at hand. */
static int error_of(struct sqlite_store *store, int code)
{
    int error = -EIO;

    for (size_t i = 0; i < ARRAY_SIZE(errors) && error == -EIO; i++)
        if (errors[i].code == code || errors[i].code == (code & 0xff))
            error = errors[i].error;
    if (code == SQLITE_ERROR && strncmp(sqlite3_errmsg(store->db), "no such table", 13) == 0)
        error = -EPROTO; /* there was one when the statement was prepared */
    if (error != -EEXIST && error != -ENOENT)
        log_event_limited(LOG_LEVEL_ERROR, 6, "store.failed", "backend=sqlite code=%d message=\"%s\"", code,
                          sqlite3_errmsg(store->db));
    return error;
}

/* -------------------------------------------------------------------------------------------------- running */

static struct sqlite_store *of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* The prepared form of @sql, made when it is first needed. */
static int statement_get(struct sqlite_store *store, const char *sql, sqlite3_stmt **ret)
{
    struct statement *statement = store->statements;
    int code;

    for (; statement < store->statements + store->statement_count; statement++)
        if (statement->sql == sql) {
            *ret = statement->prepared;
            return 0;
        }
    assert(store->statement_count < STATEMENTS_MAX);
    code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL);
    if (code == SQLITE_ERROR) { /* our SQL is right for our schema: this is another */
        log_event(LOG_LEVEL_ERROR, "store.schema", "backend=sqlite message=\"%s\"",
                  sqlite3_errmsg(store->db));
        return -EPROTO;
    }
    if (code != SQLITE_OK)
        return error_of(store, code);
    statement->sql = sql;
    store->statement_count++;
    *ret = statement->prepared;
    return 0;
}

/* Ready for its next use; lets go of the borrowed parameters. */
static void statement_rest(sqlite3_stmt *prepared)
{
    sqlite3_reset(prepared); /* its error was the step's, which was looked at */
    sqlite3_clear_bindings(prepared);
}
DEFINE_CLEANUP(statement_rest, sqlite3_stmt *);

static int bind(sqlite3_stmt *prepared, int index, const struct value *value)
{
    /* A NULL pointer would bind SQL's NULL. */
    const void *data = value->bytes.len ? value->bytes.data : (const void *)"";

    switch (value->kind) {
    case VALUE_INTEGER:
        return sqlite3_bind_int64(prepared, index, value->integer);
    case VALUE_TEXT:
        return sqlite3_bind_text64(prepared, index, data, value->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(prepared, index, data, value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* To SQLite "$2" is a name, numbered as it first appears: ask for the number. */
static int bind_all(sqlite3_stmt *prepared, struct values parameters)
{
    int code = SQLITE_OK;

    assert((size_t)sqlite3_bind_parameter_count(prepared) == parameters.count);
    for (size_t i = 0; i < parameters.count && code == SQLITE_OK; i++) {
        char name[PARAMETER_ROOM];

        snprintf(name, sizeof(name), "$%zu", i + 1);
        code = bind(prepared, sqlite3_bind_parameter_index(prepared, name), &parameters.items[i]);
    }
    return code;
}

static struct value column_value(sqlite3_stmt *prepared, int column)
{
    switch (sqlite3_column_type(prepared, column)) {
    case SQLITE_INTEGER:
        return value_integer(sqlite3_column_int64(prepared, column));
    case SQLITE_TEXT:
        return (struct value){ VALUE_TEXT, 0,
                               BYTES(sqlite3_column_text(prepared, column),
                                     (size_t)sqlite3_column_bytes(prepared, column)) };
    default: /* a blob; a number with a fraction or NULL, which our tables cannot hold, becomes a misfit */
        return value_blob(
            BYTES(sqlite3_column_blob(prepared, column), (size_t)sqlite3_column_bytes(prepared, column)));
    }
}

static int give_row(sqlite3_stmt *prepared, store_row_fn *on_row, void *arg)
{
    struct value columns[COLUMNS_MAX];
    int count = sqlite3_column_count(prepared);

    assert(count <= COLUMNS_MAX);
    for (int i = 0; i < count; i++)
        columns[i] = column_value(prepared, i);
    return on_row(arg, (struct values){ columns, (size_t)count });
}

static int sqlite_run(struct store *base, const char *sql, struct values parameters, store_row_fn *on_row,
                      void *arg, size_t *ret_changed)
{
    struct sqlite_store *store = of(base);
    CLEANUP(statement_rest) sqlite3_stmt *prepared = NULL;
    int r = statement_get(store, sql, &prepared);
    int code;

    if (r < 0)
        return r;
    code = bind_all(prepared, parameters);
    if (code != SQLITE_OK)
        return error_of(store, code);
    while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
        r = on_row ? give_row(prepared, on_row, arg) : 0;
        if (r < 0)
            return r;
    }
    if (code != SQLITE_DONE)
        return error_of(store, code);
    if (ret_changed)
        *ret_changed = (size_t)sqlite3_changes64(store->db);
    return 0;
}

static int sqlite_execute(struct store *base, const char *script)
{
    struct sqlite_store *store = of(base);
    int code = sqlite3_exec(store->db, script, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : error_of(store, code);
}

/* -------------------------------------------------------------------------------------------------- opening */

/* In this order. @answer: what SQLite must say to it; NULL: anything. sqlite.org/pragma.html */
static const struct {
    const char *sql;
    const char *answer;
} settings[] = {
    { "PRAGMA trusted_schema = OFF", NULL },
    { "PRAGMA cell_size_check = ON", NULL },
    { "PRAGMA temp_store = MEMORY", NULL }, /* no files elsewhere */
    { "PRAGMA secure_delete = ON", NULL },
    { "PRAGMA journal_mode = WAL", "wal" }, /* some file systems cannot */
    { "PRAGMA journal_size_limit = 16777216", NULL },
    { "PRAGMA synchronous = FULL", NULL },
    { "PRAGMA foreign_keys = ON", NULL },
};

/* @arg: the answer expected, or NULL. */
static int on_answer(void *arg, struct values row)
{
    const char *expected = arg;

    if (!expected || bytes_equal(row.items[0].bytes, bytes_of_text(expected)))
        return 0;
    log_event(LOG_LEVEL_ERROR, "store.setting", "backend=sqlite expected=%s", expected);
    return -EOPNOTSUPP;
}

/* Others have the lock: whether to try again, after a while. sqlite.org/c3ref/busy_handler.html */
static int wait_for_lock(void *arg, int tries)
{
    static const uint8_t pauses_ms[] = { 1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100 }; /* SQLite's own */
    size_t last = ARRAY_SIZE(pauses_ms) - 1;
    struct sqlite_store *store = arg;
    uint64_t waited_ms;

    if (tries == 0)
        store->locked_us = store_clock_us();
    waited_ms = (store_clock_us() - store->locked_us) / 1000;
    if (waited_ms >= PATIENCE_MS)
        return 0;
    store_pause(&store->store, waited_ms, pauses_ms[(size_t)tries < last ? (size_t)tries : last]);
    return 1;
}

static int apply_settings(struct sqlite_store *store)
{
    sqlite3_busy_handler(store->db, wait_for_lock, store);
    sqlite3_extended_result_codes(store->db, 1);
    /* Nothing that a hostile file could plant in the schema gets further rights than a table. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        int r = sqlite_run(&store->store, settings[i].sql, VALUES_NONE, on_answer, (void *)settings[i].answer,
                           NULL);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Root may set up what a signer will own: the file goes to the owner of its directory, and so do -wal and -shm. */
static int give_to_directory_owner(int fd, const char *path)
{
    CLEANUP(free_string) char *copy = strdup(path);
    struct stat directory;

    if (!copy)
        return -ENOMEM;
    if (geteuid() != 0)
        return 0;
    if (stat(dirname(copy), &directory) < 0 || fchown(fd, directory.st_uid, directory.st_gid) < 0)
        return -errno;
    return 0;
}

/* SQLite would make the file with the umask's mode; for the side files it takes the mode of the main one. */
static int create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    r = give_to_directory_owner(fd, path);
    close(fd);
    return r;
}

static int open_file(struct sqlite_store *store, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite_vfs_open(&store->vfs, path, flags, &store->db);
    int cause;

    if (code == SQLITE_OK) /* SQLite is content with reading what it may not write */
        return sqlite3_db_readonly(store->db, "main") == 1 ? -EACCES : 0;
    cause = store->db ? sqlite3_system_errno(store->db) : 0;
    if ((code & 0xff) == SQLITE_CANTOPEN && cause > 0)
        return -cause;
    return code == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *store = of(base);

    for (size_t i = 0; i < store->statement_count; i++)
        sqlite3_finalize(store->statements[i].prepared);
    sqlite3_close(store->db);
    free(store);
}

static int sqlite_open(const char *path, bool may_create, struct store **ret)
{
    CLEANUP(store_close) struct store *base = calloc(1, sizeof(struct sqlite_store));
    struct sqlite_store *store = (struct sqlite_store *)base;
    int r;

    if (!store)
        return -ENOMEM;
    base->ops = &store_sqlite_ops;
    r = may_create ? create_file(path) : 0;
    if (r == 0)
        r = open_file(store, path);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "store.open", "backend=sqlite path=\"%s\" error=\"%s\"", path,
                  strerror(-r));
        return r;
    }
    r = apply_settings(store);
    if (r < 0)
        return r;
    *ret = TAKE(base);
    return 0;
}

const struct store_ops store_sqlite_ops = {
    .dialect = &dialect,
    .open = sqlite_open,
    .close = sqlite_close,
    .run = sqlite_run,
    .execute = sqlite_execute,
    .begin = "BEGIN IMMEDIATE",
    .begin_read = "BEGIN", /* the first SELECT chooses the moment. sqlite.org/isolation.html */
};
