/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_schema.c - versions of programs and of a store that meet while a deployment is upgraded: this program is the old
 * one, a longer schema makes the newer ones. Each case runs on every backend.
 */
#include "proxy/store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "include/table.h"
#include "proxy/store/schema_tables.h"
#include "proxy/store/store_copy.h"
#include "tests/support/postgres.h"
#include "tests/support/scratch.h"

#define VERSIONS 4 /* version 1 is this program's */

static const char *newer_texts[VERSIONS] = {
    NULL, /* schema_current.texts[0] */
    "CREATE TABLE second (id {id}, token_id {number} NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,"
    " word {text} NOT NULL){strict};"
    "CREATE INDEX second_of ON second (token_id, id);",
    "CREATE TABLE third (id {id}, word {text} NOT NULL){strict};",
    "CREATE TABLE fourth (id {id}, word {text} NOT NULL){strict};",
};
static const char broken_text[] = "CREATE TABLE third (id {id}){strict}; SELECT nonsense;";

static struct scratch scratch;
static char url[SCRATCH_PATH_MAX + POSTGRES_URL_MAX];

static struct schema schema_of(unsigned version)
{
    newer_texts[0] = schema_current.texts[0];
    return (struct schema){ newer_texts, version };
}

static void setup(void)
{
    ck_assert_uint_eq(schema_current.version, 1); /* else the texts above are not the next */
    scratch_make(&scratch);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

/* A database of version 1, as this program makes it. */
static void make(int backend)
{
    if (strcmp(store_backends[backend].scheme, "sqlite") == 0)
        snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "store.db"));
    else
        postgres_make_database(url);
    ck_assert_int_eq(store_migrate(url), 0);
}

static void upgrade_to(unsigned version)
{
    struct schema schema = schema_of(version);

    ck_assert_int_eq(store_migrate_to(&schema, url), 0);
}

static unsigned version_of(struct store *store)
{
    unsigned version = 0;

    ck_assert_int_eq(schema_read_version(store, &version), 0);
    return version;
}

static unsigned version_at_rest(void)
{
    CLEANUP(store_close) struct store *store = NULL;

    for (unsigned version = 1; !store && version <= VERSIONS; version++) {
        struct schema schema = schema_of(version);
        int r = store_open_as(&schema, url, &store);

        ck_assert(r == 0 || r == -EPROTO);
    }
    ck_assert_ptr_nonnull(store);
    return version_of(store);
}

static int add_token(struct store *store, unsigned number)
{
    struct token_row row = { .home = -1, .enabled = true, .sequence = 1 };

    snprintf(row.name, sizeof(row.name), "user %u", number);
    snprintf(row.serial, sizeof(row.serial), "%016u", number);
    return store_token_insert(store, &row);
}

START_TEST(old_program_goes_on_with_a_store_one_version_newer)
{
    CLEANUP(store_close) struct store *before = NULL;
    CLEANUP(store_close) struct store *after = NULL;
    struct token_row row;

    make(_i);
    ck_assert_int_eq(store_open(url, &before), 0);
    ck_assert_int_eq(add_token(before, 1), 0);
    upgrade_to(2);
    ck_assert_int_eq(add_token(before, 2), 0); /* over the connection that it had */
    ck_assert_int_eq(store_open(url, &after), 0);
    ck_assert_int_eq(store_token_by_name(after, "user 2", &row), 0);
    ck_assert_int_eq(add_token(after, 3), 0);
    ck_assert_uint_eq(version_of(after), 2);
}
END_TEST

START_TEST(old_program_deletes_a_token_with_what_a_newer_one_gave_it)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct token_row row;

    make(_i);
    upgrade_to(2);
    ck_assert_int_eq(store_open(url, &store), 0);
    ck_assert_int_eq(add_token(store, 1), 0);
    ck_assert_int_eq(store->ops->execute(store, "INSERT INTO second (token_id, word)"
                                                " SELECT id, 'newer' FROM tokens"),
                     0);
    ck_assert_int_eq(store_token_by_name(store, "user 1", &row), 0);
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_token_delete(store, row.id, row.sequence), 0);
    ck_assert_int_eq(store_commit(store), 0);
    ck_assert_int_eq(store_token_by_name(store, "user 1", &row), -ENOENT);
}
END_TEST

START_TEST(old_program_refuses_a_store_two_versions_newer)
{
    CLEANUP(store_close) struct store *store = NULL;

    make(_i);
    upgrade_to(3);
    ck_assert_int_eq(store_open(url, &store), -EPROTO);
    ck_assert_int_eq(store_migrate(url), -EPROTO);
    ck_assert_ptr_null(store);
    ck_assert_uint_eq(version_at_rest(), 3);
}
END_TEST

START_TEST(new_program_refuses_a_store_that_was_not_upgraded)
{
    CLEANUP(store_close) struct store *store = NULL;
    struct schema second = schema_of(2);

    make(_i);
    ck_assert_int_eq(store_open_as(&second, url, &store), -EPROTO);
    ck_assert_uint_eq(version_at_rest(), 1); /* opening upgrades nothing */
}
END_TEST

START_TEST(old_program_changes_nothing_when_it_upgrades_a_newer_store)
{
    make(_i);
    upgrade_to(2);
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_uint_eq(version_at_rest(), 2);
}
END_TEST

START_TEST(upgrade_that_fails_keeps_the_versions_before_and_goes_on_there)
{
    const char *texts[] = { schema_current.texts[0], newer_texts[1], broken_text };
    const struct schema broken = { texts, ARRAY_SIZE(texts) };
    CLEANUP(store_close) struct store *store = NULL;

    make(_i);
    ck_assert_int_lt(store_migrate_to(&broken, url), 0);
    ck_assert_uint_eq(version_at_rest(), 2);
    ck_assert_int_eq(store_open(url, &store), 0); /* which this program does not mind */
    upgrade_to(VERSIONS);
    ck_assert_uint_eq(version_at_rest(), VERSIONS);
}
END_TEST

/* One step of version 2 is made, but not committed. */
static void upgrade_and_die(void)
{
    struct store *store = NULL;

    if (store_open(url, &store) == 0 && store_begin(store) == 0 &&
        store->ops->execute(store, "CREATE TABLE second (word TEXT NOT NULL);"
                                   "UPDATE schema_version SET version = 2;") == 0)
        kill(getpid(), SIGKILL);
    _exit(1);
}

START_TEST(upgrade_that_is_killed_is_made_again)
{
    pid_t child;
    int status;

    make(_i);
    child = fork();
    if (child == 0)
        upgrade_and_die();
    status = scratch_wait(child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_uint_eq(version_at_rest(), 1);
    upgrade_to(2);
    ck_assert_uint_eq(version_at_rest(), 2);
}
END_TEST

/* An old program that writes all the while, and is told by @stop that it is over. Exits with 0 when nothing failed. */
static void write_until(int stop)
{
    struct store *store = NULL;
    struct token_row row;
    unsigned number = 1;
    char byte;

    if (store_open(url, &store) < 0)
        _exit(1);
    while (read(stop, &byte, 1) < 0) {
        if (add_token(store, ++number) < 0 || store_begin(store) < 0 ||
            store_token_by_id(store, (int64_t)number / 2 + 1, &row) == -EPROTO || store_commit(store) < 0)
            _exit(2);
    }
    _exit(number > 1 ? 0 : 3);
}

START_TEST(old_program_that_writes_meanwhile_notices_nothing)
{
    CLEANUP(store_close) struct store *store = NULL;
    int pipe_ends[2], status;
    uint64_t tokens = 0, keys;
    pid_t child;

    make(_i);
    ck_assert_int_eq(pipe2(pipe_ends, O_NONBLOCK), 0);
    child = fork();
    if (child == 0) {
        close(pipe_ends[1]);
        write_until(pipe_ends[0]);
    }
    ck_assert_int_eq(store_open(url, &store), 0);
    while (tokens < 5)
        ck_assert_int_eq(store_count(store, &tokens, &keys), 0);
    upgrade_to(2);
    for (uint64_t seen = tokens; tokens < seen + 5;)
        ck_assert_int_eq(store_count(store, &tokens, &keys), 0);
    close(pipe_ends[1]);
    status = scratch_wait(child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(several_that_upgrade_at_once_make_each_version_once)
{
    struct schema last = schema_of(VERSIONS);
    pid_t children[3];

    make(_i);
    for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(store_migrate_to(&last, url) == 0 ? 0 : 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(children); i++)
        ck_assert_int_eq(scratch_wait(children[i]), 0);
    ck_assert_uint_eq(version_at_rest(), VERSIONS);
}
END_TEST

/* ------------------------------------------------------------------------------------------------ whole copies */

static struct buffer records[256];
static size_t record_count;

static int keep(void *arg, struct bytes record)
{
    (void)arg;
    ck_assert_uint_lt(record_count, ARRAY_SIZE(records));
    buffer_append(&records[record_count++], record);
    return 0;
}

START_TEST(old_program_does_not_copy_what_it_knows_half_of)
{
    CLEANUP(store_copy_free) struct store_copy *copy = NULL;
    CLEANUP(store_close) struct store *store = NULL;

    make(_i);
    upgrade_to(2);
    ck_assert_int_eq(store_open(url, &store), 0);
    ck_assert_int_eq(store_copy_new(&copy), 0);
    ck_assert_int_eq(store_copy_read(copy, store, keep, NULL), -EPROTO);
    ck_assert_uint_eq(record_count, 0);
}
END_TEST

START_TEST(copy_of_an_older_version_goes_into_a_newer_store)
{
    struct schema second = schema_of(2);
    CLEANUP(store_copy_free) struct store_copy *old = NULL;
    CLEANUP(store_copy_free) struct store_copy *new = NULL;
    CLEANUP(store_close) struct store *from = NULL;
    CLEANUP(store_close) struct store *to = NULL;
    struct token_row row;

    make(_i);
    ck_assert_int_eq(store_open(url, &from), 0);
    ck_assert_int_eq(add_token(from, 7), 0);
    ck_assert_int_eq(store_copy_new(&old), 0);
    ck_assert_int_eq(store_copy_read(old, from, keep, NULL), 0);
    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "new.db"));
    ck_assert_int_eq(store_migrate_to(&second, url), 0);
    ck_assert_int_eq(store_open_as(&second, url, &to), 0);
    ck_assert_int_eq(store_copy_new_of(&second, &new), 0);
    ck_assert_int_eq(store_copy_write_begin(new, to), 0);
    for (size_t i = 0; i < record_count; i++)
        ck_assert_int_eq(store_copy_write(new, buffer_bytes(&records[i])), 0);
    ck_assert_int_eq(store_copy_write_end(new), 0);
    ck_assert_int_eq(store_token_by_name(to, "user 7", &row), 0);
    for (size_t i = 0; i < record_count; i++)
        buffer_clear(&records[i]);
}
END_TEST

START_TEST(version_that_alters_a_table_is_refused)
{
    const char *texts[] = { schema_current.texts[0],
                            "ALTER TABLE tokens ADD COLUMN word {text} NOT NULL DEFAULT '';" };
    const struct schema altering = { texts, ARRAY_SIZE(texts) };
    struct schema_tables tables;

    (void)_i;
    ck_assert_int_eq(schema_tables_new(&altering, &tables), -EINVAL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        old_program_goes_on_with_a_store_one_version_newer,
        old_program_deletes_a_token_with_what_a_newer_one_gave_it,
        old_program_refuses_a_store_two_versions_newer,
        new_program_refuses_a_store_that_was_not_upgraded,
        old_program_changes_nothing_when_it_upgrades_a_newer_store,
        upgrade_that_fails_keeps_the_versions_before_and_goes_on_there,
        upgrade_that_is_killed_is_made_again,
        old_program_that_writes_meanwhile_notices_nothing,
        several_that_upgrade_at_once_make_each_version_once,
        old_program_does_not_copy_what_it_knows_half_of,
        copy_of_an_older_version_goes_into_a_newer_store,
        version_that_alters_a_table_is_refused,
    };
    TCase *tcase = tcase_create("schema");
    Suite *suite = suite_create("schema");
    SRunner *runner = srunner_create(suite);
    int backends = 0, failed;

    while (store_backends[backends].scheme)
        backends++;
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        tcase_add_loop_test(tcase, cases[i], 0, backends);
    suite_add_tcase(suite, tcase);
    srunner_set_tap(runner, "-");
    postgres_start();
    srunner_run_all(runner, CK_SILENT);
    postgres_stop();
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
