/* SPDX-License-Identifier: Apache-2.0 */
/* test_token_list.c - an order of tokens that outlives the process. */
#include "module/core/token_list.h"

#include <string.h>
#include <sys/stat.h>

#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static struct scratch scratch;
static struct token_list list;

static void setup(void)
{
    scratch_make(&scratch);
    setenv("XDG_CACHE_HOME", scratch_path(&scratch, "cache"), 1);
}

static void teardown(void)
{
    token_list_clear(&list);
    scratch_remove(&scratch);
}

START_TEST(first_seen_stays_first)
{
    CLEANUP(token_list_clear) struct token_list read = { NULL, 0 };

    ck_assert(token_list_add(&list, "zoe"));
    ck_assert(token_list_add(&list, "alice"));
    ck_assert(!token_list_add(&list, "zoe"));
    token_list_write(&list, "me");
    token_list_read(&read, "me");
    ck_assert_uint_eq(read.count, 2);
    ck_assert_str_eq(read.name[0], "zoe");
    ck_assert_str_eq(read.name[1], "alice");
}
END_TEST

START_TEST(no_file_is_an_empty_list)
{
    token_list_read(&list, "me");
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(lines_that_are_no_names_are_passed_over)
{
    FILE *file;

    mkdir(scratch_path(&scratch, "cache"), 0700);
    mkdir(scratch_path(&scratch, "cache/privyseal"), 0700);
    file = fopen(scratch_path(&scratch, "cache/privyseal/tokens-me"), "w");
    ck_assert_ptr_nonnull(file);
    fputs("alice\n\nwith:colon\nthis name is longer than any token's name may be\nbob", file);
    fclose(file);
    token_list_read(&list, "me");
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.name[0], "alice");
    ck_assert_str_eq(list.name[1], "bob");
}
END_TEST

START_TEST(identity_that_is_no_file_name_writes_none)
{
    ck_assert(token_list_add(&list, "alice"));
    token_list_write(&list, "../../escape");
    ck_assert_int_ne(access(scratch_path(&scratch, "escape"), F_OK), 0);
}
END_TEST

SUITE_WITH_FIXTURE("token_list", setup, teardown, first_seen_stays_first, no_file_is_an_empty_list,
                   lines_that_are_no_names_are_passed_over, identity_that_is_no_file_name_writes_none);
