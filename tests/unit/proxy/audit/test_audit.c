/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit.c - a log that only grows, by whole lines, from where it ended; and what it says when it was meddled with. */
#include "proxy/audit/audit.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

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

static uint64_t stored_sequence(void)
{
    uint8_t hash[HASH_LEN];
    uint64_t sequence = 0;

    ck_assert_int_eq(store_audit_head_get(log_.store, &log_name, &sequence, hash), 0);
    return sequence;
}

/* ---------------------------------------------------------------------------------------------------- the chain */

START_TEST(records_are_numbered_and_chained)
{
    struct audit_record record = { .event = "unlock", .result = "OK" };

    ck_assert_int_eq(audit_append(log_.audit, &record), 0);
    ck_assert_uint_eq(record.sequence, 1);
    ck_assert_uint_gt(record.time_us, 0);
    ck_assert_int_eq(audit_append(log_.audit, &record), 0);
    ck_assert_uint_eq(record.sequence, 2);
    log_check(&log_, 2);
}
END_TEST

START_TEST(reopened_log_is_continued)
{
    log_append_many(&log_, 3);
    log_reopen(&log_);
    log_append_many(&log_, 2);
    audit_tick(log_.audit, 1000);
    log_reopen(&log_);
    log_append_many(&log_, 1);
    log_check(&log_, 6);
}
END_TEST

START_TEST(log_of_a_killed_writer_is_continued)
{
    pid_t child;

    audit_close(TAKE(log_.audit));
    child = fork();
    if (child == 0) {
        if (log_try_open(&log_) < 0 || log_append(&log_, "unlock", "1") < 0 ||
            log_append(&log_, "unlock", "2") < 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(scratch_wait(child), SIGKILL);
    log_open_file(&log_);
    log_append_many(&log_, 1);
    log_check(&log_, 3);
}
END_TEST

START_TEST(half_line_at_the_end_is_cut_off)
{
    log_append_many(&log_, 2);
    audit_close(TAKE(log_.audit));
    log_write(&log_, O_APPEND, "{\"sequence\":3,\"time_us\":");
    log_open_file(&log_);
    log_check(&log_, 2);
    log_append_many(&log_, 1);
    log_check(&log_, 3);
}
END_TEST

START_TEST(half_line_alone_is_cut_off)
{
    audit_close(TAKE(log_.audit));
    log_write(&log_, O_APPEND, "{\"sequ");
    log_open_file(&log_);
    log_append_many(&log_, 1);
    log_check(&log_, 1);
}
END_TEST

START_TEST(record_that_is_too_long_is_refused_and_nothing_is_written)
{
    char note[AUDIT_LINE_MAX + 1];

    memset(note, 'n', sizeof(note) - 1);
    note[sizeof(note) - 1] = '\0';
    ck_assert_int_eq(log_append(&log_, "unlock", note), -ENAMETOOLONG);
    log_append_many(&log_, 1);
    log_check(&log_, 1);
}
END_TEST

START_TEST(peer_cannot_forge_a_line)
{
    ck_assert_int_eq(log_append(&log_, "unlock", "\"}\n{\"sequence\":2,\"event\":\"sign\"}\n\\"), 0);
    log_append_many(&log_, 1);
    log_check(&log_, 2);
    log_reopen(&log_);
}
END_TEST

/* ----------------------------------------------------------------------------------------------------- meddling */

START_TEST(altered_record_is_noticed_at_the_start)
{
    log_append_many(&log_, 3);
    audit_close(TAKE(log_.audit));
    log_alter(&log_, "alice", "mallo");
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
    ck_assert_ptr_null(log_.audit);
}
END_TEST

START_TEST(altered_record_below_the_stored_head_does_not_pass_as_the_head)
{
    log_append_many(&log_, 3);
    audit_tick(log_.audit, 1000);
    ck_assert_uint_eq(stored_sequence(), 3);
    audit_close(TAKE(log_.audit));
    log_alter(&log_, "alice", "mallo");
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(log_cut_below_the_stored_head_is_noticed)
{
    struct stat status;

    log_append_many(&log_, 2);
    ck_assert_int_eq(stat(scratch_path(&log_.scratch, LOG), &status), 0);
    log_append_many(&log_, 2);
    audit_tick(log_.audit, 1000);
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(truncate(scratch_path(&log_.scratch, LOG), status.st_size), 0);
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(leaving_writer_leaves_no_tail_behind_the_head)
{
    log_append_many(&log_, 2);
    audit_tick(log_.audit, 1000);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1001);
    ck_assert_uint_eq(stored_sequence(), 2); /* the second is not over */
    audit_settle(log_.audit);
    ck_assert_uint_eq(stored_sequence(), 3);
}
END_TEST

START_TEST(log_that_was_removed_is_noticed)
{
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1000);
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, LOG)), 0);
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(log_written_anew_with_a_chain_of_its_own_is_noticed)
{
    log_append_many(&log_, 2);
    audit_tick(log_.audit, 1000);
    audit_close(TAKE(log_.audit));
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, LOG)), 0);
    { /* the forger has a store of his own, and knows the realm */
        struct log_fixture forger = { 0 };

        log_setup(&forger);
        log_open_file(&forger);
        log_append_many(&forger, 5);
        ck_assert_int_eq(rename(scratch_path(&forger.scratch, LOG), scratch_path(&log_.scratch, LOG)), 0);
        log_teardown(&forger);
    }
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(log_of_another_realm_is_noticed)
{
    log_append_many(&log_, 1);
    audit_close(TAKE(log_.audit));
    log_.config.realm = "Other";
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(rubbish_without_lines_is_noticed)
{
    audit_close(TAKE(log_.audit));
    for (int i = 0; i < 10000; i++)
        log_write(&log_, O_APPEND, "rubbish ");
    ck_assert_int_eq(log_try_open(&log_), -EUCLEAN);
}
END_TEST

START_TEST(foreign_line_written_while_we_write_stops_us)
{
    log_append_many(&log_, 1);
    log_write(&log_, O_APPEND, "{}\n");
    ck_assert_int_eq(log_append(&log_, "unlock", ""), -EUCLEAN);
    ck_assert_int_eq(log_append(&log_, "unlock", ""), -EUCLEAN);
    ck_assert_int_eq(audit_flush(log_.audit), -EUCLEAN);
}
END_TEST

START_TEST(file_removed_while_we_write_stops_us)
{
    log_append_many(&log_, 1);
    ck_assert_int_eq(unlink(scratch_path(&log_.scratch, LOG)), 0);
    ck_assert_int_eq(log_append(&log_, "unlock", ""), -EUCLEAN);
}
END_TEST

START_TEST(second_writer_is_refused)
{
    struct audit_config config = log_.config;
    struct audit *second = NULL;

    ck_assert_int_eq(audit_open(&config, log_.store, &second), -EBUSY);
    ck_assert_ptr_null(second);
    config.log.signer++;
    ck_assert_int_eq(audit_open(&config, log_.store, &second), 0);
    audit_close(second);
}
END_TEST

START_TEST(directory_that_is_missing_is_said)
{
    struct audit_config config = log_.config;
    struct audit *audit = NULL;

    config.directory = "/nonexistent";
    ck_assert_int_eq(audit_open(&config, log_.store, &audit), -ENOENT);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- full disks */

/* Appends while the file may grow by @room only. No assertion in between: Check keeps its messages in a file, too. */
static int append_with_room(rlim_t room, struct audit_record *record)
{
    struct rlimit limit, narrow;
    int r;

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    narrow = (struct rlimit){ .rlim_cur = (rlim_t)log_size(&log_) + room, .rlim_max = limit.rlim_max };
    setrlimit(RLIMIT_FSIZE, &narrow);
    r = audit_append(log_.audit, record);
    setrlimit(RLIMIT_FSIZE, &limit);
    return r;
}

START_TEST(record_that_does_not_fit_leaves_nothing_behind)
{
    struct audit_record record = { .event = "sign" };
    off_t size;

    log_append_many(&log_, 2);
    size = log_size(&log_);
    for (rlim_t room = 0; room < 200; room += 50) { /* none of the line, then parts of it */
        ck_assert_int_eq(append_with_room(room, &record), -EFBIG);
        ck_assert_int_eq(log_size(&log_), size);
    }
    log_append_many(&log_, 1);
    log_check(&log_, 3);
}
END_TEST

START_TEST(signature_that_could_not_be_recorded_is_not_counted)
{
    uint8_t name[KEY_NAME_LEN] = { 0 };
    char text[2 * KEY_NAME_LEN + 1];
    struct audit_record record = { .event = "sign", .key = text };

    hex_encode(BYTES_OF_ARRAY(name), text);
    ck_assert_uint_eq(log_sign(&log_, 0), 1);
    ck_assert_int_eq(audit_next_count(log_.audit, name, &record.key_count), 0);
    ck_assert_int_eq(append_with_room(100, &record), -EFBIG);
    ck_assert_uint_eq(log_sign(&log_, 0), 2);
}
END_TEST

START_TEST(full_disk_lets_no_record_through_and_breaks_none)
{
    unsigned written = 0;
    int r = 0;

    if (log_move_to_small_disk(&log_)) {
        while (written < 1000 && (r = log_append(&log_, "sign", "")) == 0)
            written++;
        ck_assert_int_eq(r, -ENOSPC);
        ck_assert_uint_gt(written, 10);
        ck_assert_int_eq(log_append(&log_, "sign", ""), -ENOSPC);
        log_check(&log_, written);
        ck_assert_int_eq(mount(NULL, log_.scratch.directory, NULL, MS_REMOUNT, "size=128k"),
                         0); /* room again */
        log_append_many(&log_, 1);
        log_check(&log_, written + 1);
        log_leave_small_disk(&log_);
    }
}
END_TEST

/* ------------------------------------------------------------------------------------------- counts and the store */

START_TEST(signatures_of_each_key_are_counted)
{
    ck_assert_uint_eq(log_sign(&log_, 1), 1);
    ck_assert_uint_eq(log_sign(&log_, 1), 2);
    ck_assert_uint_eq(log_sign(&log_, 2), 1);
    ck_assert_uint_eq(log_sign(&log_, 1), 3);
}
END_TEST

START_TEST(counts_go_on_from_the_store_and_from_the_tail_of_the_log)
{
    log_sign(&log_, 1);
    log_sign(&log_, 2);
    audit_tick(log_.audit, 1000); /* these are in the store */
    log_sign(&log_, 1);           /* and this one is in the log only */
    log_reopen(&log_);
    ck_assert_uint_eq(log_sign(&log_, 1), 3);
    ck_assert_uint_eq(log_sign(&log_, 2), 2);
    audit_tick(log_.audit, 2000);
    log_reopen(&log_);
    ck_assert_uint_eq(log_sign(&log_, 1), 4);
    ck_assert_uint_eq(log_sign(&log_, 2), 3);
}
END_TEST

START_TEST(count_without_a_key_is_refused)
{
    struct audit_record record = { .event = "sign", .key = "not a key", .key_count = 1 };

    ck_assert_int_eq(audit_append(log_.audit, &record), -EINVAL);
    log_check(&log_, 0);
}
END_TEST

START_TEST(head_goes_to_the_store_once_a_second)
{
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 5000);
    ck_assert_uint_eq(stored_sequence(), 1);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 5999);
    ck_assert_uint_eq(stored_sequence(), 1);
    audit_tick(log_.audit, 6000);
    ck_assert_uint_eq(stored_sequence(), 2);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1000); /* the clock was set back */
    ck_assert_uint_eq(stored_sequence(), 3);
}
END_TEST

START_TEST(store_that_is_busy_gets_the_head_later)
{
    struct store *other = NULL;
    char url[SCRATCH_PATH_MAX + 16];

    snprintf(url, sizeof(url), "sqlite:%s", scratch_path(&log_.scratch, "store.db"));
    ck_assert_int_eq(store_open(url, &other), 0);
    log_sign(&log_, 1);
    ck_assert_int_eq(store_begin(other), 0);
    audit_tick(log_.audit, 1000);
    store_close(other); /* rolls back */
    ck_assert_uint_eq(stored_sequence(), 0);
    log_sign(&log_, 1); /* requests go on meanwhile */
    audit_tick(log_.audit, 2000);
    ck_assert_uint_eq(stored_sequence(), 2);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- checkpoints */

struct hsm_double {
    unsigned calls;
    int answer;
};

static int sign_checkpoint(void *arg, const uint8_t hash[HASH_LEN], struct buffer *ret)
{
    struct hsm_double *hsm = arg;

    hsm->calls++;
    (void)hash;
    buffer_append_text(ret, "signed");
    return hsm->answer;
}

START_TEST(log_that_grows_is_signed_once_a_minute)
{
    CLEANUP(buffer_clear) struct buffer content = { 0 };
    struct hsm_double hsm = { 0 };

    audit_set_checkpoint(log_.audit, sign_checkpoint, &hsm);
    audit_tick(log_.audit, 1000);
    ck_assert_uint_eq(hsm.calls, 0); /* nothing to sign */
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 2000);
    ck_assert_uint_eq(hsm.calls, 1);
    ck_assert_uint_eq(stored_sequence(), 2); /* the checkpoint is the head now */
    content = log_content(&log_);
    buffer_append_u8(&content, '\0');
    ck_assert_ptr_nonnull(strstr((char *)content.data, "\"event\":\"checkpoint\""));
    ck_assert_ptr_nonnull(strstr((char *)content.data, " signature=7369676e6564\"")); /* "signed" */
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 2000 + AUDIT_CHECKPOINT_MS - 1);
    ck_assert_uint_eq(hsm.calls, 1);
    audit_tick(log_.audit, 2000 + AUDIT_CHECKPOINT_MS + 1000);
    ck_assert_uint_eq(hsm.calls, 2);
    audit_tick(log_.audit, 2000 + 5 * AUDIT_CHECKPOINT_MS);
    ck_assert_uint_eq(hsm.calls, 2); /* nothing new since */
    log_check(&log_, 4);
}
END_TEST

START_TEST(log_that_grows_fast_is_signed_sooner)
{
    struct hsm_double hsm = { 0 };

    audit_set_checkpoint(log_.audit, sign_checkpoint, &hsm);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1000);
    ck_assert_uint_eq(hsm.calls, 1);
    log_append_many(&log_, AUDIT_CHECKPOINT_RECORDS);
    audit_tick(log_.audit, 2000);
    ck_assert_uint_eq(hsm.calls, 2);
}
END_TEST

START_TEST(log_that_ends_with_a_checkpoint_is_not_signed_again_at_the_start)
{
    struct hsm_double hsm = { 0 };

    audit_set_checkpoint(log_.audit, sign_checkpoint, &hsm);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1000);
    ck_assert_uint_eq(hsm.calls, 1);
    log_reopen(&log_);
    audit_set_checkpoint(log_.audit, sign_checkpoint, &hsm);
    audit_tick(log_.audit, 2000);
    ck_assert_uint_eq(hsm.calls, 1);
}
END_TEST

START_TEST(checkpoint_that_fails_holds_nothing_up)
{
    struct hsm_double hsm = { .answer = -EIO };

    audit_set_checkpoint(log_.audit, sign_checkpoint, &hsm);
    log_append_many(&log_, 1);
    audit_tick(log_.audit, 1000);
    ck_assert_uint_eq(hsm.calls, 1);
    ck_assert_uint_eq(stored_sequence(), 1);
    log_append_many(&log_, 1);
    log_check(&log_, 2);
}
END_TEST

SUITE_WITH_FIXTURE("audit", setup, teardown, records_are_numbered_and_chained, reopened_log_is_continued,
                   log_of_a_killed_writer_is_continued, half_line_at_the_end_is_cut_off,
                   half_line_alone_is_cut_off, record_that_is_too_long_is_refused_and_nothing_is_written,
                   peer_cannot_forge_a_line, altered_record_is_noticed_at_the_start,
                   altered_record_below_the_stored_head_does_not_pass_as_the_head,
                   log_cut_below_the_stored_head_is_noticed, leaving_writer_leaves_no_tail_behind_the_head,
                   log_that_was_removed_is_noticed, log_written_anew_with_a_chain_of_its_own_is_noticed,
                   log_of_another_realm_is_noticed, rubbish_without_lines_is_noticed,
                   foreign_line_written_while_we_write_stops_us, file_removed_while_we_write_stops_us,
                   second_writer_is_refused, directory_that_is_missing_is_said,
                   record_that_does_not_fit_leaves_nothing_behind,
                   signature_that_could_not_be_recorded_is_not_counted,
                   full_disk_lets_no_record_through_and_breaks_none, signatures_of_each_key_are_counted,
                   counts_go_on_from_the_store_and_from_the_tail_of_the_log, count_without_a_key_is_refused,
                   head_goes_to_the_store_once_a_second, store_that_is_busy_gets_the_head_later,
                   log_that_grows_is_signed_once_a_minute, log_that_grows_fast_is_signed_sooner,
                   log_that_ends_with_a_checkpoint_is_not_signed_again_at_the_start,
                   checkpoint_that_fails_holds_nothing_up);
