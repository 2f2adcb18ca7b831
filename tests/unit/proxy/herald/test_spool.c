/* SPDX-License-Identifier: Apache-2.0 */
/* test_spool.c - what is written is there for the next process, in order. */
#include "proxy/herald/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "include/descriptor.h"
#include "proto/notice.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define MESSAGE "npin.locked\0{\"user\":\"ann\"}"

static struct scratch scratch;
static uint64_t visited[8];
static size_t visited_count;

static void setup(void)
{
    scratch_make(&scratch);
    visited_count = 0;
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

static int visit(void *argument, uint64_t number)
{
    (void)argument;
    visited[visited_count++] = number;
    return 0;
}

static int open_spool(void)
{
    int spool = -1;

    ck_assert_int_eq(spool_open(scratch.directory, visit, NULL, &spool), 0);
    return spool;
}

START_TEST(written_message_is_read_by_the_next_process)
{
    CLEANUP(descriptor_close) int spool = open_spool();
    CLEANUP(descriptor_close) int again = -1;
    CLEANUP(secret_free) struct secret *message = NULL;

    ck_assert_int_eq(spool_write(spool, 12, BYTES(MESSAGE, sizeof(MESSAGE) - 1)), 0);
    ck_assert_int_eq(spool_write(spool, 7, BYTES(MESSAGE, sizeof(MESSAGE) - 1)), 0);
    again = open_spool();
    ck_assert_uint_eq(visited_count, 2);
    ck_assert_uint_eq(visited[0], 7);
    ck_assert_uint_eq(visited[1], 12);
    ck_assert_int_eq(spool_read(again, 7, &message), 0);
    ck_assert(bytes_equal(secret_bytes(message), BYTES(MESSAGE, sizeof(MESSAGE) - 1)));
}
END_TEST

START_TEST(removed_message_is_gone)
{
    CLEANUP(descriptor_close) int spool = open_spool();
    CLEANUP(secret_free) struct secret *message = NULL;

    ck_assert_int_eq(spool_write(spool, 1, BYTES(MESSAGE, sizeof(MESSAGE) - 1)), 0);
    spool_remove(spool, 1);
    ck_assert_int_eq(spool_read(spool, 1, &message), -ENOENT);
}
END_TEST

START_TEST(number_in_use_is_refused)
{
    CLEANUP(descriptor_close) int spool = open_spool();

    ck_assert_int_eq(spool_write(spool, 1, BYTES(MESSAGE, sizeof(MESSAGE) - 1)), 0);
    ck_assert_int_eq(spool_write(spool, 1, BYTES(MESSAGE, sizeof(MESSAGE) - 1)), -EEXIST);
}
END_TEST

START_TEST(foreign_file_is_left_alone)
{
    CLEANUP(descriptor_close) int spool = -1;

    descriptor_close(open(scratch_path(&scratch, "README"), O_WRONLY | O_CREAT, 0600));
    spool = open_spool();
    ck_assert_uint_eq(visited_count, 0);
    ck_assert_int_eq(access(scratch_path(&scratch, "README"), F_OK), 0);
}
END_TEST

START_TEST(file_longer_than_any_message_is_refused)
{
    CLEANUP(descriptor_close) int spool = open_spool();
    CLEANUP(secret_free) struct secret *message = NULL;
    static const uint8_t much[NOTICE_MAX + 2] = "n";

    ck_assert_int_eq(spool_write(spool, 1, BYTES_OF_ARRAY(much)), 0);
    ck_assert_int_eq(spool_read(spool, 1, &message), -EFBIG);
}
END_TEST

SUITE_WITH_FIXTURE("spool", setup, teardown, written_message_is_read_by_the_next_process,
                   removed_message_is_gone, number_in_use_is_refused, foreign_file_is_left_alone,
                   file_longer_than_any_message_is_refused);
