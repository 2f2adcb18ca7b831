/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_plans.c - a trace of each connection, and EXPLAIN QUERY PLAN. Source: SQLite's eqp.html, c3ref/trace_v2.html. */
#include "tests/support/sqlite_plans.h"

#include <check.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "include/table.h"

#define STATEMENTS_MAX 512

static char *statements[STATEMENTS_MAX];
static size_t statement_count;

static void remember(const char *sql)
{
    for (size_t i = 0; i < statement_count; i++)
        if (strcmp(statements[i], sql) == 0)
            return;
    ck_assert_uint_lt(statement_count, STATEMENTS_MAX);
    statements[statement_count++] = strdup(sql);
}

static int on_statement(unsigned what, void *context, void *statement, void *sql)
{
    (void)what;
    (void)context;
    (void)sql;
    if (sqlite3_sql(statement))
        remember(sqlite3_sql(statement));
    return 0;
}

static int on_connection(sqlite3 *database, char **ret_why, const struct sqlite3_api_routines *api)
{
    (void)ret_why;
    (void)api;
    return sqlite3_trace_v2(database, SQLITE_TRACE_STMT, on_statement, NULL);
}

void sqlite_plans_watch(void)
{
    ck_assert_int_eq(sqlite3_auto_extension((void (*)(void))on_connection), SQLITE_OK);
}

/* Tables that may be read whole, or look like it. */
static const struct {
    const char *line, *sql; /* how both begin */
} known[] = {
    { "SCAN CONSTANT ROW", "" },
    { "SCAN schema_version", "" },                 /* one row */
    { "SCAN moves", "" },                          /* one row at most */
    { "SCAN requests", "" },                       /* those that wait for a second person */
    { "SCAN audit_heads", "" },                    /* a row for each signer */
    { "SCAN seen", "SELECT name FROM (" },         /* what the query itself has found */
    { "SCAN attempts", "INSERT INTO principals" }, /* only if a deferred foreign key waited for it */
    { "SCAN sightings", "" },                      /* the same */
    { "SCAN tokens", "SELECT (SELECT count(*)" },  /* `status` counts, up to a limit */
    { "SCAN keys", "SELECT (SELECT count(*)" },
    { "SCAN counted", "SELECT (SELECT count(*)" },
};

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A change without parameters is a case's own meddling. */
static bool is_known(const char *line, const char *sql)
{
    if (begins(sql, "UPDATE ") && !strchr(sql, '$'))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (begins(line, known[i].line) && begins(sql, known[i].sql))
            return true;
    return false;
}

/* A plan's line is "SCAN table ..." or "SEARCH table USING ...". */
static void check_plan(sqlite3 *database, const char *sql)
{
    char *question = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *plan = NULL;

    if (sqlite3_prepare_v2(database, question, -1, &plan, NULL) == SQLITE_OK)
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *line = (const char *)sqlite3_column_text(plan, 3);

            ck_assert_msg(!begins(line, "SCAN ") || is_known(line, sql), "%s: %s", line, sql);
        }
    sqlite3_finalize(plan);
    sqlite3_free(question);
}

void sqlite_plans_check(const char *path)
{
    sqlite3 *database = NULL;

    sqlite3_reset_auto_extension();
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
        for (size_t i = 0; i < statement_count; i++)
            check_plan(database, statements[i]);
    sqlite3_close(database);
    while (statement_count)
        free(statements[--statement_count]);
}
