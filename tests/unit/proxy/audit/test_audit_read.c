/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_read.c - lines come out as they are, from any sequence number, whatever state the log is in. */
#include "proxy/audit/audit.h"

#include <errno.h>

#include "tests/support/suite.h"
#include "tests/unit/proxy/audit/log_fixture.h"

static struct log_fixture log_;

static void setup(void)
{
    log_setup(&log_);
    log_open_file(&log_);
}

static void teardown(void)
{
    log_teardown(&log_);
}

/* That reading from @from gives @expected lines at most @limit, the first of which has sequence @first (0: any). */
static void ck_assert_read(uint64_t from, unsigned limit, size_t expected, uint64_t first)
{
    struct buffer *lines = NULL;
    size_t count = 99;
    char start[64];

    ck_assert_int_eq(audit_read(log_.scratch.directory, &log_name, from, limit, &lines, &count), 0);
    ck_assert_uint_eq(count, expected);
    snprintf(start, sizeof(start), "{\"sequence\":%llu,", (unsigned long long)first);
    if (count && first)
        ck_assert_int_eq(memcmp(lines[0].data, start, strlen(start)), 0);
    for (size_t i = 0; i < count; i++)
        buffer_clear(&lines[i]);
    free(lines);
}

START_TEST(log_that_is_missing_is_said)
{
    const struct log_name other = { "web1", 3 };
    struct buffer *lines = NULL;
    size_t count;

    ck_assert_int_eq(audit_read(log_.scratch.directory, &other, 1, 10, &lines, &count), -ENOENT);
    ck_assert_int_eq(audit_read("/nonexistent", &log_name, 1, 10, &lines, &count), -ENOENT);
}
END_TEST

START_TEST(empty_log_has_no_lines)
{
    ck_assert_read(0, 10, 0, 0);
    ck_assert_read(1, 10, 0, 0);
}
END_TEST

START_TEST(lines_come_from_where_they_are_asked)
{
    log_append_many(&log_, 500);
    for (uint64_t from = 1; from <= 500; from += 7)
        ck_assert_read(from, 1, 1, from);
    ck_assert_read(0, 10, 10, 1);
    ck_assert_read(496, 10, 5, 496);
    ck_assert_read(501, 10, 0, 0);
    ck_assert_read(UINT64_MAX, 10, 0, 0);
    ck_assert_read(1, 0, 0, 0);
    ck_assert_read(1, 1000, 500, 1);
}
END_TEST

START_TEST(lines_that_were_read_make_a_chain)
{
    struct buffer *lines = NULL;
    struct audit_check check;
    const char *why;
    size_t count;

    log_append_many(&log_, 3);
    ck_assert_int_eq(audit_read(log_.scratch.directory, &log_name, 1, 3, &lines, &count), 0);
    ck_assert_int_eq(audit_check_init(&check, REALM, &log_name), 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(audit_check_line(&check, buffer_bytes(&lines[i]), &why), 0);
        buffer_clear(&lines[i]);
    }
    ck_assert_uint_eq(check.next_sequence, 4);
    free(lines);
}
END_TEST

START_TEST(half_line_is_not_given_out)
{
    log_append_many(&log_, 2);
    log_write(&log_, O_APPEND, "{\"sequence\":3,");
    ck_assert_read(1, 10, 2, 1);
    ck_assert_read(3, 10, 0, 0);
}
END_TEST

START_TEST(altered_line_is_given_out_for_the_one_who_checks)
{
    log_append_many(&log_, 3);
    log_alter(&log_, "\"sequence\":2,", "\"sequence\":x,");
    ck_assert_read(1, 10, 3, 1);
    ck_assert_read(2, 10, 2, 0); /* what stands after record 1 */
    ck_assert_read(4, 10, 0, 0);
}
END_TEST

START_TEST(line_longer_than_any_record_is_an_error_and_no_overrun)
{
    struct buffer *lines = NULL;
    size_t count;

    log_append_many(&log_, 1);
    for (int i = 0; i < 3 * AUDIT_LINE_MAX; i += 8)
        log_write(&log_, O_APPEND, "rubbish ");
    log_write(&log_, O_APPEND, "\n");
    ck_assert_int_eq(audit_read(log_.scratch.directory, &log_name, 2, 10, &lines, &count), -EBADMSG);
    ck_assert_ptr_null(lines);
}
END_TEST

SUITE_WITH_FIXTURE("audit_read", setup, teardown, log_that_is_missing_is_said, empty_log_has_no_lines,
                   lines_come_from_where_they_are_asked, lines_that_were_read_make_a_chain,
                   half_line_is_not_given_out, altered_line_is_given_out_for_the_one_who_checks,
                   line_longer_than_any_record_is_an_error_and_no_overrun);
