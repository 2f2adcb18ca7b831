/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_copy.c - all rows of a store in another: of one moment, complete, and checked. */
#include "proxy/store/store_copy.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "include/table.h"
#include "proxy/store/schema_tables.h"
#include "tests/support/postgres.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define TOKENS      50
#define RECORDS_MAX 1000

static struct scratch scratch;
static char from_url[SCRATCH_PATH_MAX + 16], to_url[SCRATCH_PATH_MAX + 16];
static struct store *from, *to;
static struct store_copy *copy;

/* What a sink got. */
static struct buffer records[RECORDS_MAX];
static size_t record_count;

static void add_token(struct store *store, unsigned number)
{
    struct token_row row = { .home = -1, .sequence = UINT64_MAX - number };

    snprintf(row.name, sizeof(row.name), "user %u", number);
    snprintf(row.serial, sizeof(row.serial), "%016u", number);
    memset(row.mac, (int)number, sizeof(row.mac));
    ck_assert_int_eq(store_token_insert(store, &row), 0);
}

static struct store *open_new(const char *name, char url[SCRATCH_PATH_MAX + 16])
{
    struct store *store = NULL;

    snprintf(url, SCRATCH_PATH_MAX + 16, "sqlite:%s", scratch_path(&scratch, name));
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &store), 0);
    return store;
}

static void setup(void)
{
    struct principal_row principal = { .name = "op", .enabled = true };

    scratch_make(&scratch);
    from = open_new("from.db", from_url);
    to = open_new("to.db", to_url);
    for (unsigned i = 0; i < TOKENS; i++)
        add_token(from, i);
    ck_assert_int_eq(store_principal_insert(from, &principal), 0);
    ck_assert_int_eq(store_grant_put(from, principal.id, 1, GRANT_SIGN), 0);
    ck_assert_int_eq(store_copy_new(&copy), 0);
}

static void teardown(void)
{
    for (size_t i = 0; i < record_count; i++)
        buffer_clear(&records[i]);
    store_close(from);
    store_close(to);
    store_copy_free(copy);
    scratch_remove(&scratch);
}

static int keep(void *arg, struct bytes record)
{
    (void)arg;
    ck_assert_uint_lt(record_count, RECORDS_MAX);
    buffer_append(&records[record_count++], record);
    return 0;
}

static void read_all(void)
{
    ck_assert_int_eq(store_copy_read(copy, from, keep, NULL), 0);
}

/* Writes the records from @first on but one, until one is refused. */
static int write_records(size_t left_out)
{
    int r = store_copy_write_begin(copy, to);

    for (size_t i = 0; r == 0 && i < record_count; i++)
        r = i == left_out ? 0 : store_copy_write(copy, buffer_bytes(&records[i]));
    return r == 0 ? store_copy_write_end(copy) : r;
}

static int write_all(void)
{
    return write_records(RECORDS_MAX);
}

static void target_is_empty(void)
{
    uint64_t rows;

    ck_assert_int_eq(store_copy_count(copy, to, &rows), 0);
    ck_assert_uint_eq(rows, 0);
}

/* The backend's own list of tables and columns: nothing of it is forgotten. */
START_TEST(every_table_and_column_is_copied)
{
    struct schema_tables tables;
    sqlite3_stmt *statement;
    sqlite3 *db;
    size_t columns = 0;

    ck_assert_int_eq(schema_tables_new(&schema_current, &tables), 0);
    for (size_t i = 0; i < tables.count; i++)
        columns += tables.items[i].column_count;
    ck_assert_int_eq(sqlite3_open(from_url + strlen("sqlite:"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT count(DISTINCT m.name), count(*) FROM sqlite_master m"
                                        " JOIN pragma_table_info(m.name) WHERE m.type = 'table' AND"
                                        " m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_version'",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_uint_eq(tables.count, (size_t)sqlite3_column_int(statement, 0));
    ck_assert_uint_eq(columns, (size_t)sqlite3_column_int(statement, 1));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    schema_tables_clear(&tables);
}
END_TEST

START_TEST(copy_has_the_same_rows)
{
    struct token_row row;
    struct grant_row *grants;
    size_t count;

    read_all();
    ck_assert_int_eq(write_all(), 0);
    ck_assert_int_eq(store_token_by_name(to, "user 7", &row), 0);
    ck_assert_uint_eq(row.sequence, UINT64_MAX - 7);
    ck_assert_uint_eq(row.mac[31], 7);
    ck_assert_int_eq(store_grant_list(to, 1, &grants, &count), 0);
    ck_assert_uint_eq(count, 1);
    free(grants);
}
END_TEST

START_TEST(ids_go_on_after_the_copied_ones)
{
    struct token_row row;

    read_all();
    ck_assert_int_eq(write_all(), 0);
    add_token(to, 1000);
    ck_assert_int_eq(store_token_by_name(to, "user 1000", &row), 0);
    ck_assert_int_eq(row.id, TOKENS + 1);
}
END_TEST

static int write_meanwhile(void *arg, struct bytes record)
{
    struct store *other = arg;

    if (record_count == 10)
        add_token(other, 2000); /* which must not wait for the reader */
    return keep(NULL, record);
}

START_TEST(rows_are_of_one_moment_while_others_write)
{
    struct store *other = NULL;
    size_t count;

    ck_assert_int_eq(store_open(from_url, &other), 0);
    ck_assert_int_eq(store_copy_read(copy, from, write_meanwhile, other), 0);
    ck_assert_uint_eq(store_copy_sums(copy, &count)[0].rows, TOKENS);
    ck_assert_int_eq(write_all(), 0);
    store_close(other);
}
END_TEST

START_TEST(store_with_rows_is_not_written_over)
{
    read_all();
    add_token(to, 1);
    ck_assert_int_eq(write_all(), -EEXIST);
}
END_TEST

START_TEST(record_that_is_missing_or_altered_is_found)
{
    read_all();
    ck_assert_int_eq(write_records(3), -EUCLEAN); /* a row */
    target_is_empty();
    ck_assert_int_lt(write_records(0), 0); /* the first table's name */
    target_is_empty();
    ck_assert_int_eq(write_records(record_count - 1), -EBADMSG); /* the last sum */
    target_is_empty();
    records[2].data[records[2].len - 1] ^= 1;
    ck_assert_int_eq(write_all(), -EUCLEAN);
    target_is_empty();
}
END_TEST

START_TEST(record_that_is_none_is_refused)
{
    read_all();
    ck_assert_int_eq(store_copy_write_begin(copy, to), 0);
    ck_assert_int_eq(store_copy_write(copy, buffer_bytes(&records[1])), -EBADMSG); /* a row of no table */
    target_is_empty();
    records[1].len -= 3;
    ck_assert_int_eq(write_all(), -EBADMSG);
    target_is_empty();
}
END_TEST

START_TEST(rows_go_to_postgresql_and_back_unchanged)
{
    struct store *middle = NULL;
    struct token_row row;
    char url[POSTGRES_URL_MAX];

    postgres_start();
    postgres_make_database(url);
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &middle), 0);
    store_close(to);
    to = middle;
    read_all();
    ck_assert_int_eq(write_all(), 0);
    add_token(to, 3000); /* an id that no copied row has */
    ck_assert_int_eq(store_token_by_name(to, "user 3000", &row), 0);
    ck_assert_int_gt(row.id, TOKENS);
    store_close(from);
    from = to;
    to = open_new("back.db", to_url);
    for (size_t i = 0; i < record_count; i++)
        buffer_clear(&records[i]);
    record_count = 0;
    read_all();
    ck_assert_int_eq(write_all(), 0);
    ck_assert_int_eq(store_token_by_name(to, "user 7", &row), 0);
    ck_assert_uint_eq(row.sequence, UINT64_MAX - 7);
    store_close(from);
    from = NULL;
    postgres_stop();
}
END_TEST

SUITE_WITH_FIXTURE("store/copy", setup, teardown, rows_go_to_postgresql_and_back_unchanged,
                   every_table_and_column_is_copied, copy_has_the_same_rows, ids_go_on_after_the_copied_ones,
                   rows_are_of_one_moment_while_others_write, store_with_rows_is_not_written_over,
                   record_that_is_missing_or_altered_is_found, record_that_is_none_is_refused);
