/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_move.c - one store becomes another: the same rows, and never both in service. */
#include "proxy/store/store_move.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proxy/store/store_sync.h"
#include "tests/support/postgres.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define TOKENS 300 /* more than a page */

static const uint8_t id[MOVE_ID_LEN] = "the one attempt", other_id[MOVE_ID_LEN] = "another attempt";
static struct scratch scratch;
static char from_url[SCRATCH_PATH_MAX + 16], to_url[SCRATCH_PATH_MAX + POSTGRES_URL_MAX];
static struct store *from, *to;
static struct store_sync *merge;
static uint64_t written;

static int add_token(struct store *store, unsigned number)
{
    struct token_row row = { .home = -1, .sequence = UINT64_MAX - number };

    snprintf(row.name, sizeof(row.name), "user %u", number);
    snprintf(row.serial, sizeof(row.serial), "%016u", number);
    memset(row.mac, (int)number, sizeof(row.mac));
    return store_token_insert(store, &row);
}

static int find_token(struct store *store, unsigned number, struct token_row *ret)
{
    char name[32];

    snprintf(name, sizeof(name), "user %u", number);
    return store_token_by_name(store, name, ret);
}

static void set_up(void)
{
    scratch_make(&scratch);
    snprintf(from_url, sizeof(from_url), "sqlite:%s", scratch_path(&scratch, "from.db"));
    snprintf(to_url, sizeof(to_url), "sqlite:%s", scratch_path(&scratch, "to.db"));
    ck_assert_int_eq(store_migrate(from_url), 0);
    ck_assert_int_eq(store_migrate(to_url), 0);
    ck_assert_int_eq(store_open(from_url, &from), 0);
    ck_assert_int_eq(store_open_copy(to_url, &to), 0);
    ck_assert_int_eq(store_sync_new(&merge), 0);
    ck_assert_int_eq(store_begin(from), 0);
    for (unsigned i = 0; i < TOKENS; i++)
        ck_assert_int_eq(add_token(from, i), 0);
    ck_assert_int_eq(store_commit(from), 0);
    ck_assert_int_eq(store_move_begin(to, id), 0);
}

static void tear_down(void)
{
    store_close(from);
    store_close(to);
    store_sync_free(merge);
    scratch_remove(&scratch);
}

static void copy(void)
{
    ck_assert_int_eq(store_sync_write(merge, from, to, NULL, NULL, &written), 0);
}

static void move_away(void)
{
    copy();
    ck_assert_int_eq(store_begin(from), 0);
    ck_assert_int_eq(store_move_away(from, id), 0);
    ck_assert_int_eq(store_commit(from), 0);
}

START_TEST(first_copy_has_every_row)
{
    copy();
    ck_assert_uint_eq(written, TOKENS);
    ck_assert_int_eq(store_sync_compare(merge, from, to), 0);
}
END_TEST

START_TEST(second_copy_has_what_changed)
{
    struct token_row row;

    copy();
    ck_assert_int_eq(add_token(from, TOKENS), 0);
    ck_assert_int_eq(find_token(from, 7, &row), 0);
    ck_assert_int_eq(store_token_delete(from, row.id, row.sequence), 0);
    ck_assert_int_eq(find_token(from, 8, &row), 0);
    row.sequence++;
    ck_assert_int_eq(store_token_update(from, &row, row.sequence - 1), 0);
    ck_assert_int_eq(store_sync_compare(merge, from, to), -EUCLEAN);
    copy();
    ck_assert_uint_eq(written, 3);
    ck_assert_int_eq(store_sync_compare(merge, from, to), 0);
}
END_TEST

START_TEST(name_that_went_to_another_row_is_copied)
{
    struct token_row row;

    copy();
    ck_assert_int_eq(find_token(from, 7, &row), 0);
    ck_assert_int_eq(store_token_delete(from, row.id, row.sequence), 0);
    ck_assert_int_eq(add_token(from, 7), 0);
    copy();
    ck_assert_int_eq(store_sync_compare(merge, from, to), 0);
}
END_TEST

START_TEST(postgresql_gets_the_same_rows_and_goes_on_counting)
{
    struct store *store = NULL;
    struct token_row row;

    store_close(to);
    postgres_start();
    postgres_make_database(to_url);
    ck_assert_int_eq(store_migrate(to_url), 0);
    ck_assert_int_eq(store_open_copy(to_url, &to), 0);
    ck_assert_int_eq(store_move_begin(to, id), 0);
    copy();
    ck_assert_int_eq(find_token(from, 7, &row), 0);
    ck_assert_int_eq(store_token_delete(from, row.id, row.sequence), 0);
    ck_assert_int_eq(add_token(from, 7), 0);
    move_away();
    ck_assert_uint_eq(written, 2);
    ck_assert_int_eq(store_open_following(from_url, to_url, &store), 0);
    ck_assert_int_eq(find_token(store, 7, &row), 0);
    ck_assert_int_eq(add_token(store, TOKENS), 0); /* with an id of its own */
    store_close(store);
    store_close(to);
    to = NULL;
    postgres_stop();
}
END_TEST

START_TEST(copy_is_no_store)
{
    struct store *store = NULL;

    copy();
    ck_assert_int_eq(store_open(to_url, &store), -EPROTO);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(store_of_somebody_is_not_written_over)
{
    ck_assert_int_eq(store_move_begin(from, id), -EEXIST);
}
END_TEST

START_TEST(copy_that_was_left_behind_is_taken_up_again)
{
    copy();
    ck_assert_int_eq(store_move_begin(to, other_id), 0);
    copy();
    ck_assert_uint_eq(written, 0);
}
END_TEST

START_TEST(store_that_is_away_is_opened_where_it_is)
{
    struct store *store = NULL;
    struct token_row row;

    move_away();
    ck_assert_int_eq(store_open(from_url, &store), -EPROTO);
    ck_assert_int_eq(store_open_following(from_url, to_url, &store), 0);
    ck_assert_int_eq(find_token(store, 9, &row), 0);
    store_close(store);
    ck_assert_int_eq(store_open(to_url, &store), 0); /* it is a copy no more */
    store_close(store);
}
END_TEST

START_TEST(copy_of_another_attempt_is_not_followed)
{
    struct store *store = NULL;

    move_away();
    ck_assert_int_eq(store_move_begin(to, other_id), 0);
    ck_assert_int_eq(store_open_following(from_url, to_url, &store), -EPROTO);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(who_has_it_open_reads_and_writes_nothing_more)
{
    struct store *before = NULL;
    struct token_row row;

    ck_assert_int_eq(store_open(from_url, &before), 0);
    ck_assert_int_eq(find_token(before, 9, &row), 0);
    ck_assert(!store_has_left(before));
    move_away();
    ck_assert_int_eq(find_token(before, 9, &row), -EAGAIN);
    ck_assert_int_eq(add_token(before, TOKENS), -EAGAIN);
    ck_assert(store_has_left(before));
    store_close(before);
}
END_TEST

START_TEST(move_that_is_not_committed_has_not_been)
{
    struct store *store = NULL;

    copy();
    ck_assert_int_eq(store_begin(from), 0);
    ck_assert_int_eq(store_move_away(from, id), 0);
    store_rollback(from);
    ck_assert_int_eq(add_token(from, TOKENS), 0);
    ck_assert_int_eq(store_open(from_url, &store), 0);
    store_close(store);
}
END_TEST

SUITE_WITH_FIXTURE("store move", set_up, tear_down, first_copy_has_every_row, second_copy_has_what_changed,
                   name_that_went_to_another_row_is_copied,
                   postgresql_gets_the_same_rows_and_goes_on_counting, copy_is_no_store,
                   store_of_somebody_is_not_written_over, copy_that_was_left_behind_is_taken_up_again,
                   store_that_is_away_is_opened_where_it_is, copy_of_another_attempt_is_not_followed,
                   who_has_it_open_reads_and_writes_nothing_more, move_that_is_not_committed_has_not_been);
