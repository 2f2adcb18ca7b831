/* SPDX-License-Identifier: Apache-2.0 */
/* store_move.c - the row that says what a store is, and opening by it. */
#include "proxy/store/store_move.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "proxy/store/backend.h"
#include "proxy/store/schema.h"
#include "proxy/store/schema_tables.h"
#include "proxy/store/store_copy.h"

enum standing { IN_SERVICE, A_COPY, AWAY };

struct move {
    enum standing standing;
    uint8_t id[MOVE_ID_LEN];
};

static int on_move(void *arg, struct values row)
{
    struct move *move = arg;

    if (row.items[0].bytes.len != MOVE_ID_LEN)
        return -EUCLEAN;
    memcpy(move->id, row.items[0].bytes.data, MOVE_ID_LEN);
    move->standing = row.items[1].integer ? AWAY : A_COPY;
    return 0;
}

static int read_move(struct store *store, struct move *ret)
{
    *ret = (struct move){ .standing = IN_SERVICE };
    return store_run(store, "SELECT id, is_away FROM moves", VALUES_NONE, on_move, ret, NULL);
}

static int write_move(struct store *store, const uint8_t id[MOVE_ID_LEN], enum standing standing)
{
    int r = store_run(store, "DELETE FROM moves", VALUES_NONE, NULL, NULL, NULL);

    return r < 0 ? r
                 : store_run(store, "INSERT INTO moves (id, is_away) VALUES ($1, $2)",
                             VALUES(value_blob(BYTES(id, MOVE_ID_LEN)), value_integer(standing == AWAY)),
                             NULL, NULL, NULL);
}

/* ---------------------------------------------------------------------------------------------------- moving */

/* Somebody's store is never written over: only what is empty, or says of itself that nobody uses it. */
static int check_free(struct store *store)
{
    CLEANUP(store_copy_free) struct store_copy *copy = NULL;
    struct move move;
    uint64_t rows = 0;
    int r = read_move(store, &move);

    if (r < 0 || move.standing == A_COPY)
        return r;
    r = store_copy_new(&copy);
    if (r == 0)
        r = store_copy_count(copy, store, &rows);
    return r < 0 ? r : rows ? -EEXIST : 0;
}

int store_move_begin(struct store *store, const uint8_t id[MOVE_ID_LEN])
{
    int r = check_free(store);

    if (r == 0)
        r = store_begin(store);
    if (r < 0)
        return r;
    r = write_move(store, id, A_COPY);
    if (r == 0)
        return store_commit(store);
    store_rollback(store);
    return r;
}

static int rename_table(struct store *store, const char *name)
{
    CLEANUP(free_string) char *sql = NULL;

    if (asprintf(&sql, "ALTER TABLE %s RENAME TO away_%s", name, name) < 0)
        return -ENOMEM;
    return store->ops->execute(store, sql);
}

int store_move_away(struct store *store, const uint8_t id[MOVE_ID_LEN])
{
    struct schema_tables tables;
    int r = schema_tables_new(&schema_current, &tables);

    if (r < 0)
        return r;
    r = write_move(store, id, AWAY);
    for (size_t i = 0; r == 0 && i < tables.count; i++)
        if (strcmp(tables.items[i].name, "moves") != 0)
            r = rename_table(store, tables.items[i].name);
    schema_tables_clear(&tables);
    return r;
}

/* --------------------------------------------------------------------------------------------------- opening */

static int open_any(const char *url, struct store **ret, struct move *ret_move)
{
    CLEANUP(store_close) struct store *store = NULL;
    int r = store_open_as(&schema_current, url, &store);

    if (r == 0)
        r = read_move(store, ret_move);
    if (r == 0)
        *ret = TAKE(store);
    return r;
}

int store_open_copy(const char *url, struct store **ret)
{
    struct move move;

    return open_any(url, ret, &move);
}

int store_is_away(const char *url, bool *ret)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct move move;
    int r = open_any(url, &store, &move);

    if (r == 0)
        *ret = move.standing == AWAY;
    return r;
}

/* The first that comes takes it out of its wrapping; the others find it in service. */
static int follow(const struct move *away, const char *url, struct store **ret)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct move move;
    int r = open_any(url, &store, &move);

    if (r < 0)
        return r;
    if (move.standing == AWAY || (move.standing == A_COPY && memcmp(move.id, away->id, MOVE_ID_LEN) != 0)) {
        log_event(LOG_LEVEL_ERROR, "store.successor",
                  "why=\"[store] successor is not what the store was moved to\"");
        return -EPROTO;
    }
    if (move.standing == A_COPY)
        r = store_run(store, "DELETE FROM moves WHERE id = $1",
                      VALUES(value_blob(BYTES(away->id, MOVE_ID_LEN))), NULL, NULL, NULL);
    if (r == 0)
        *ret = TAKE(store);
    return r;
}

int store_open_following(const char *url, const char *successor, struct store **ret)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct move move;
    int r = open_any(url, &store, &move);

    if (r < 0)
        return r;
    if (move.standing == AWAY && successor)
        return follow(&move, successor, ret);
    if (move.standing != IN_SERVICE) {
        log_event(LOG_LEVEL_ERROR, "store.not_in_service", "is=%s do=\"%s\"",
                  move.standing == AWAY ? "away" : "copy",
                  move.standing == AWAY ? "name in [store] url where it was moved to"
                                        : "let privyseal store migrate finish, or name the former store");
        return -EPROTO;
    }
    *ret = TAKE(store);
    return 0;
}

int store_open(const char *url, struct store **ret)
{
    return store_open_following(url, NULL, ret);
}
