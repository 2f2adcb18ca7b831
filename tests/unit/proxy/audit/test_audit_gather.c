/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit_gather.c - records that are written together: none is missing when the flush has returned, and none twice. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "proxy/audit/audit.h"
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

static int gather(const char *note)
{
    struct audit_record record = { .event = "sign", .result = "OK", .principal = "alice", .note = note };

    return audit_gather(log_.audit, &record);
}

static void gather_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(gather("a note"), 0);
}

START_TEST(gathered_records_are_written_by_the_flush_as_one_chain)
{
    gather_many(3);
    ck_assert_int_eq(log_size(&log_), 0);
    ck_assert_int_eq(audit_flush(log_.audit), 0);
    log_check(&log_, 3);
    ck_assert_int_eq(audit_flush(log_.audit), 0);
    gather_many(1);
    ck_assert_int_eq(audit_flush(log_.audit), 0);
    log_check(&log_, 4);
    log_reopen(&log_);
}
END_TEST

START_TEST(record_that_is_appended_stands_behind_those_gathered)
{
    gather_many(2);
    log_append_many(&log_, 1);
    log_check(&log_, 3);
    gather_many(1);
    audit_tick(log_.audit, 1000); /* the store is told of nothing that is not in the file */
    log_check(&log_, 4);
}
END_TEST

START_TEST(more_than_can_be_gathered_is_written_sooner)
{
    gather_many(1000);
    ck_assert_int_gt(log_size(&log_), 0);
    ck_assert_int_eq(audit_flush(log_.audit), 0);
    log_check(&log_, 1000);
}
END_TEST

START_TEST(signatures_are_counted_before_they_are_written)
{
    char text[2 * KEY_NAME_LEN + 1];
    uint8_t name[KEY_NAME_LEN] = { 1 };
    struct audit_record record = { .event = "sign", .result = "OK", .key = text };

    hex_encode(BYTES_OF_ARRAY(name), text);
    for (uint64_t wanted = 1; wanted <= 3; wanted++) {
        ck_assert_int_eq(audit_next_count(log_.audit, name, &record.key_count), 0);
        ck_assert_uint_eq(record.key_count, wanted);
        ck_assert_int_eq(audit_gather(log_.audit, &record), 0);
    }
}
END_TEST

START_TEST(gathered_record_that_is_too_long_is_refused_and_the_others_stay)
{
    char note[AUDIT_LINE_MAX + 1];

    memset(note, 'n', sizeof(note) - 1);
    note[sizeof(note) - 1] = '\0';
    gather_many(1);
    ck_assert_int_eq(gather(note), -ENAMETOOLONG);
    gather_many(1);
    ck_assert_int_eq(audit_flush(log_.audit), 0);
    log_check(&log_, 2);
}
END_TEST

START_TEST(full_disk_refuses_the_record_and_not_those_before_it)
{
    unsigned gathered = 0;
    int r = 0;

    if (log_move_to_small_disk(&log_)) {
        while (gathered < 1000 && (r = gather("")) == 0)
            gathered++;
        ck_assert_int_eq(r, -ENOSPC);
        ck_assert_uint_gt(gathered, 10);
        ck_assert_int_eq(audit_flush(log_.audit), 0);
        log_check(&log_, gathered);
        ck_assert_int_eq(gather(""), -ENOSPC);
        ck_assert_int_eq(mount(NULL, log_.scratch.directory, NULL, MS_REMOUNT, "size=128k"), 0);
        ck_assert_int_eq(gather(""), 0);
        ck_assert_int_eq(audit_flush(log_.audit), 0);
        log_check(&log_, gathered + 1);
        log_leave_small_disk(&log_);
    }
}
END_TEST

/* Room that was set aside says nothing about this limit, so it fails where a broken disk would. setrlimit(2) */
static int flush_with_room(rlim_t room)
{
    struct rlimit limit, narrow;
    int r;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    narrow = (struct rlimit){ .rlim_cur = (rlim_t)log_size(&log_) + room, .rlim_max = limit.rlim_max };
    setrlimit(RLIMIT_FSIZE, &narrow);
    r = audit_flush(log_.audit);
    setrlimit(RLIMIT_FSIZE, &limit);
    return r;
}

START_TEST(flush_that_fails_half_way_stops_us_and_leaves_whole_lines)
{
    log_append_many(&log_, 1);
    gather_many(3);
    ck_assert_int_eq(flush_with_room(300), -EFBIG);
    ck_assert_int_eq(gather(""), -EFBIG);
    ck_assert_int_eq(log_append(&log_, "sign", ""), -EFBIG);
    ck_assert_int_eq(audit_flush(log_.audit), -EFBIG);
    log_reopen(&log_); /* as the next signer does */
    log_append_many(&log_, 1);
    log_check(&log_, 2);
}
END_TEST

START_TEST(foreign_line_written_before_the_flush_stops_us)
{
    log_append_many(&log_, 1);
    gather_many(1);
    log_write(&log_, O_APPEND, "{}\n");
    ck_assert_int_eq(audit_flush(log_.audit), -EUCLEAN);
    ck_assert_int_eq(gather(""), -EUCLEAN);
}
END_TEST

static void see_that_it_is_written(void *arg, const struct audit_record *record, struct bytes line)
{
    unsigned *seen = arg;

    (void)line;
    log_check(&log_, (unsigned)record->sequence);
    *seen += 1;
}

START_TEST(record_is_in_the_log_before_it_is_forwarded)
{
    unsigned seen = 0;

    audit_set_forward(log_.audit, see_that_it_is_written, &seen);
    gather_many(2);
    ck_assert_uint_eq(seen, 2);
}
END_TEST

SUITE_WITH_FIXTURE("audit_gather", setup, teardown, gathered_records_are_written_by_the_flush_as_one_chain,
                   record_that_is_appended_stands_behind_those_gathered,
                   more_than_can_be_gathered_is_written_sooner,
                   signatures_are_counted_before_they_are_written,
                   gathered_record_that_is_too_long_is_refused_and_the_others_stay,
                   full_disk_refuses_the_record_and_not_those_before_it,
                   flush_that_fails_half_way_stops_us_and_leaves_whole_lines,
                   foreign_line_written_before_the_flush_stops_us,
                   record_is_in_the_log_before_it_is_forwarded);
