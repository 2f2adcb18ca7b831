/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_sqlite.c - what is SQLite's alone: its files, who owns them, and what is left in them. */
#include "proxy/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define NOBODY 65534

static struct scratch scratch;
static char url[SCRATCH_PATH_MAX + 16];

static void setup(void)
{
    scratch_make(&scratch);
    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "store.db"));
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

static struct store *open_new(void)
{
    struct store *store = NULL;

    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(store_open(url, &store), 0);
    return store;
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static int64_t add_token(struct store *store)
{
    struct token_row row = { .name = "alice", .serial = "1", .sequence = 1 };

    ck_assert_int_eq(store_token_insert(store, &row), 0);
    return row.id;
}

START_TEST(files_are_the_owners_alone)
{
    CLEANUP(store_close) struct store *store = NULL;
    const char *const names[] = { "store.db", "store.db-wal", "store.db-shm" };

    umask(0);
    store = open_new();
    add_token(store);
    for (size_t i = 0; i < 3; i++) {
        struct stat status;

        ck_assert_int_eq(stat(scratch_path(&scratch, names[i]), &status), 0);
        ck_assert_uint_eq(status.st_mode & 07777, 0600);
    }
}
END_TEST

struct two_stores {
    struct store *waiting, *locking;
    unsigned waits;
};

/* As a signer, which does something else meanwhile and, there, has no store. */
static int wait_and_look(void *arg, int fd, short events, int timeout_ms)
{
    struct token_row row;
    struct two_stores *both = arg;

    (void)events;
    ck_assert_int_eq(fd, -1);
    ck_assert_int_gt(timeout_ms, 0);
    ck_assert_int_eq(store_token_by_name(both->waiting, "alice", &row), -EAGAIN);
    ck_assert_int_eq(store_begin(both->waiting), -EAGAIN);
    if (both->waits++ == 0)
        store_rollback(both->locking);
    return 0;
}

START_TEST(who_waits_for_a_lock_does_something_else)
{
    CLEANUP(store_close) struct store *store = open_new();
    CLEANUP(store_close) struct store *other = NULL;
    struct two_stores both = { .waiting = store };

    ck_assert_int_eq(store_open(url, &other), 0);
    both.locking = other;
    ck_assert_int_eq(store_begin(other), 0);
    store_set_wait(store, wait_and_look, &both);
    add_token(store);
    ck_assert_uint_eq(both.waits, 1);
    store_set_wait(store, NULL, NULL);
}
END_TEST

START_TEST(file_that_is_no_database_is_refused)
{
    struct store *store = NULL;
    char text[4096];

    memset(text, 'x', sizeof(text));
    write_file(scratch_path(&scratch, "store.db"), text, sizeof(text));
    ck_assert_int_eq(store_open(url, &store), -EUCLEAN);
    ck_assert_int_eq(store_migrate(url), -EUCLEAN);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(database_with_a_page_overwritten_is_refused)
{
    struct store *store = open_new();
    struct token_row row;
    uint8_t rubbish[8 * 4096];
    int fd;

    add_token(store);
    store_close(store); /* everything is in the main file now */
    memset(rubbish, 0xa5, sizeof(rubbish));
    fd = open(scratch_path(&scratch, "store.db"), O_WRONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, rubbish, sizeof(rubbish), 2 * 4096), (ssize_t)sizeof(rubbish));
    close(fd);
    store = NULL;
    if (store_open(url, &store) == 0)
        ck_assert_int_eq(store_token_by_name(store, "alice", &row), -EUCLEAN);
    store_close(store);
}
END_TEST

START_TEST(empty_file_is_not_a_store)
{
    struct store *store = NULL;

    write_file(scratch_path(&scratch, "store.db"), "", 0);
    ck_assert_int_eq(store_open(url, &store), -EPROTO);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(database_of_somebody_else_is_refused)
{
    struct store *store = NULL;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(scratch_path(&scratch, "store.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE recipes (cake TEXT)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_int_eq(store_open(url, &store), -EPROTO);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(directory_that_is_missing_is_said)
{
    struct store *store = NULL;

    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "missing/store.db"));
    ck_assert_int_eq(store_migrate(url), -ENOENT);
    ck_assert_int_eq(store_open(url, &store), -ENOENT);
}
END_TEST

static bool file_contains(const char *path, const void *needle, size_t len)
{
    static char content[1 << 20];
    int fd = open(path, O_RDONLY);
    ssize_t size;

    ck_assert_int_ge(fd, 0);
    size = read(fd, content, sizeof(content));
    close(fd);
    ck_assert_int_ge(size, 0);
    return memmem(content, (size_t)size, needle, len) != NULL;
}

START_TEST(deleted_row_is_gone_from_the_file)
{
    struct store *store = open_new();
    CLEANUP(access_row_clear) struct access_row row = { .token_id = add_token(store) };
    const char marker[] = "the sealed secret of an old PIN";

    buffer_append_text(&row.sealed, marker);
    ck_assert_int_eq(store_access_insert(store, &row), 0);
    store_close(store);
    ck_assert(file_contains(scratch_path(&scratch, "store.db"), marker, strlen(marker)));
    ck_assert_int_eq(store_open(url, &store), 0);
    ck_assert_int_eq(store_access_delete(store, row.token_id, ACCESS_PIN), 0);
    store_close(store);
    ck_assert(!file_contains(scratch_path(&scratch, "store.db"), marker, strlen(marker)));
}
END_TEST

/* In a child that is somebody else, in the state directory, below one that it cannot enter. */
static int use_store_from_within(void)
{
    struct token_row row = { .name = "alice", .serial = "1", .sequence = 1 };
    struct store *store = NULL;

    if (access(scratch.directory, X_OK) == 0)
        return 1; /* the case would prove nothing */
    if (store_migrate("sqlite:store/privyseal.db") < 0 || store_open("sqlite:store/privyseal.db", &store) < 0)
        return 2;
    if (store_token_insert(store, &row) < 0 || access("store/privyseal.db-wal", F_OK) < 0)
        return 3;
    store_close(store); /* the last one out moves the WAL into the main file and removes it */
    if (access("store/privyseal.db-wal", F_OK) == 0)
        return 4;
    store = NULL;
    if (store_open("sqlite:store/privyseal.db", &store) < 0 || store_token_by_name(store, "alice", &row) < 0)
        return 5;
    store_close(store);
    return 0;
}

static void become_nobody(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0)
        _exit(100);
}

static void make_directory_of_nobody(const char *name)
{
    ck_assert_int_eq(mkdir(scratch_path(&scratch, name), 0700), 0);
    ck_assert_int_eq(chown(scratch_path(&scratch, name), NOBODY, NOBODY), 0);
}

START_TEST(store_works_below_a_directory_that_its_user_cannot_enter)
{
    pid_t child;

    if (geteuid() != 0)
        return; /* only root can become somebody else */
    make_directory_of_nobody("state");
    make_directory_of_nobody("state/store");
    child = fork();
    if (child == 0) {
        if (chdir(scratch_path(&scratch, "state")) < 0)
            _exit(101);
        become_nobody();
        _exit(use_store_from_within());
    }
    ck_assert_int_eq(scratch_wait(child), 0);
}
END_TEST

START_TEST(file_that_root_makes_belongs_to_the_owner_of_its_directory)
{
    struct stat status;

    if (geteuid() != 0)
        return;
    make_directory_of_nobody("store");
    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&scratch, "store/privyseal.db"));
    ck_assert_int_eq(store_migrate(url), 0);
    ck_assert_int_eq(stat(scratch_path(&scratch, "store/privyseal.db"), &status), 0);
    ck_assert_uint_eq(status.st_uid, NOBODY);
    ck_assert_uint_eq(status.st_gid, NOBODY);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

/* In a child that is somebody else, with the file and its directory readable. */
static int open_without_right(void)
{
    struct store *store = NULL;

    return store_open("sqlite:store.db", &store) == -EACCES && !store ? 0 : 1;
}

START_TEST(file_that_can_only_be_read_is_refused_at_once)
{
    pid_t child;

    if (geteuid() != 0)
        return;
    store_close(open_new());
    ck_assert_int_eq(chmod(scratch_path(&scratch, "store.db"), 0644), 0);
    ck_assert_int_eq(chmod(scratch.directory, 0755), 0);
    child = fork();
    if (child == 0) {
        if (chdir(scratch.directory) < 0)
            _exit(101);
        become_nobody();
        _exit(open_without_right());
    }
    ck_assert_int_eq(scratch_wait(child), 0);
}
END_TEST

SUITE_WITH_FIXTURE("store sqlite", setup, teardown, files_are_the_owners_alone,
                   who_waits_for_a_lock_does_something_else, file_that_is_no_database_is_refused,
                   database_with_a_page_overwritten_is_refused, empty_file_is_not_a_store,
                   database_of_somebody_else_is_refused, directory_that_is_missing_is_said,
                   deleted_row_is_gone_from_the_file,
                   store_works_below_a_directory_that_its_user_cannot_enter,
                   file_that_root_makes_belongs_to_the_owner_of_its_directory,
                   file_that_can_only_be_read_is_refused_at_once);
