/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_rotate.c - a chain over several files: closed in time, continued from every state that a crash can leave. */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <unistd.h>

#include "proxy/audit/audit_segments.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/audit/log_fixture.h"

#define FIRST  "web1.signer-2.0001.log"
#define SECOND "web1.signer-2.0002.log"

static struct log_fixture log_;
static int64_t now_ms;

static void setup(void)
{
    log_setup(&log_);
    log_.config.rotate_bytes = 1; /* a file with a line in it is full */
    log_open_file(&log_);
    now_ms = 0;
}

static void teardown(void)
{
    log_teardown(&log_);
}

static void tick(void)
{
    audit_tick(log_.audit, now_ms += 1000);
}

static void move(const char *from, const char *to)
{
    char old[SCRATCH_PATH_MAX];

    strcpy(old, scratch_path(&log_.scratch, from));
    ck_assert_int_eq(rename(old, scratch_path(&log_.scratch, to)), 0);
}

static bool has_file(const char *name)
{
    return access(scratch_path(&log_.scratch, name), F_OK) == 0;
}

/* That the files that are there hold the records @from to @last, an unbroken chain if it is from the first. */
static void ck_assert_chain(uint64_t from, uint64_t last)
{
    struct buffer *lines = NULL;
    struct audit_check check;
    const char *why = "";
    size_t count = 0;

    ck_assert_int_eq(audit_check_init(&check, REALM, &log_name), 0);
    ck_assert_int_eq(audit_read(log_.scratch.directory, &log_name, from, 1000, &lines, &count), 0);
    ck_assert_uint_eq(count, last + 1 - from);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(audit_line_sequence(buffer_bytes(&lines[i])), from + i);
        if (from == 1)
            ck_assert_msg(audit_check_line(&check, buffer_bytes(&lines[i]), &why) == 0, "%s", why);
        buffer_clear(&lines[i]);
    }
    free(lines);
}

/* Two records, closed, and the third that says where they are. */
static void rotate_once(void)
{
    log_append_many(&log_, 2);
    tick();
    ck_assert(has_file(FIRST));
}

START_TEST(full_file_is_closed_and_the_chain_goes_on_in_the_next)
{
    rotate_once();
    log_append_many(&log_, 1);
    ck_assert_chain(1, 4);
    tick();
    ck_assert(has_file(SECOND));
    ck_assert_chain(1, 5);
    log_reopen(&log_);
    log_append_many(&log_, 1);
    ck_assert_chain(1, 6);
}
END_TEST

START_TEST(file_is_closed_when_it_is_old)
{
    log_.config.rotate_bytes = 0;
    log_.config.rotate_us = 1; /* older than that by the next tick */
    log_reopen(&log_);
    log_append_many(&log_, 1);
    usleep(10);
    tick();
    ck_assert(has_file(FIRST));
}
END_TEST

START_TEST(nothing_is_closed_that_nobody_wants_closed)
{
    log_.config.rotate_bytes = 0;
    log_reopen(&log_);
    log_append_many(&log_, 3);
    tick();
    ck_assert(!has_file(FIRST));
}
END_TEST

START_TEST(empty_file_is_never_closed)
{
    tick();
    ck_assert(!has_file(FIRST));
}
END_TEST

START_TEST(counts_go_on_across_files)
{
    log_sign(&log_, 1);
    tick();
    ck_assert_uint_eq(log_sign(&log_, 1), 2);
    log_reopen(&log_);
    ck_assert_uint_eq(log_sign(&log_, 1), 3);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------ crashes */

START_TEST(crash_before_the_next_file_was_made_is_recovered)
{
    rotate_once();
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, LOG)), 0);
    log_open_file(&log_);
    ck_assert_chain(1, 3);
    log_append_many(&log_, 1);
    ck_assert_chain(1, 4);
}
END_TEST

START_TEST(crash_before_the_first_record_of_the_next_file_is_recovered)
{
    rotate_once();
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(truncate(scratch_path(&log_.scratch, LOG), 0), 0);
    log_open_file(&log_);
    ck_assert_chain(1, 3);
}
END_TEST

START_TEST(crash_in_the_middle_of_that_record_is_recovered)
{
    rotate_once();
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(truncate(scratch_path(&log_.scratch, LOG), 40), 0);
    log_open_file(&log_);
    ck_assert_chain(1, 3);
    log_append_many(&log_, 1);
    ck_assert_chain(1, 4);
}
END_TEST

START_TEST(closed_file_is_never_written_over)
{
    int fd = open(scratch_path(&log_.scratch, FIRST), O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
    log_append_many(&log_, 2);
    tick(); /* says so, and goes on in the file it has */
    log_append_many(&log_, 1);
    log_check(&log_, 3);
}
END_TEST

/* ----------------------------------------------------------------------------------------------------- meddling */

START_TEST(closed_file_that_was_taken_away_is_not_needed)
{
    rotate_once();
    tick(); /* the store knows record 3 */
    log_append_many(&log_, 1);
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, FIRST)), 0);
    if (has_file(SECOND))
        move(SECOND, "away");
    log_open_file(&log_);
    log_append_many(&log_, 1);
}
END_TEST

START_TEST(closed_file_taken_away_before_the_next_was_begun_is_noticed)
{
    rotate_once();
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, LOG)), 0);
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, FIRST)), 0);
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(files_that_changed_places_are_noticed)
{
    rotate_once();
    log_append_many(&log_, 1);
    tick();
    audit_close(TAKE(log_.audit));
    move(FIRST, "away");
    move(SECOND, FIRST);
    move("away", SECOND);
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(logs_of_a_directory_are_listed_once_each)
{
    struct log_name *names = NULL;
    size_t count = 0;

    rotate_once();
    log_write(&log_, O_APPEND, "");
    ck_assert_int_eq(audit_logs_list(log_.scratch.directory, &names, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(log_name_compare(&names[0], &log_name), 0);
    free(names);
}
END_TEST

SUITE_WITH_FIXTURE("audit_rotate", setup, teardown, full_file_is_closed_and_the_chain_goes_on_in_the_next,
                   file_is_closed_when_it_is_old, nothing_is_closed_that_nobody_wants_closed,
                   empty_file_is_never_closed, counts_go_on_across_files,
                   crash_before_the_next_file_was_made_is_recovered,
                   crash_before_the_first_record_of_the_next_file_is_recovered,
                   crash_in_the_middle_of_that_record_is_recovered, closed_file_is_never_written_over,
                   closed_file_that_was_taken_away_is_not_needed,
                   closed_file_taken_away_before_the_next_was_begun_is_noticed,
                   files_that_changed_places_are_noticed, logs_of_a_directory_are_listed_once_each);
