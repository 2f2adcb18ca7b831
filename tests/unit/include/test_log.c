/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c - what reaches standard error, and what cannot. */
#include "include/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/suite.h"

static char said[65536];
static int log_pipe[2];

/* From here on standard error is a pipe that the case reads. */
static void catch_log(void)
{
    unsetenv("JOURNAL_STREAM");
    ck_assert_int_eq(pipe2(log_pipe, O_NONBLOCK), 0);
    ck_assert_int_ge(dup2(log_pipe[1], STDERR_FILENO), 0);
    log_open("tester", LOG_LEVEL_INFO);
}

/* Everything said since the last look. */
static const char *heard(void)
{
    ssize_t len = read(log_pipe[0], said, sizeof(said) - 1);

    said[len > 0 ? len : 0] = '\0';
    return said;
}

static int lines(const char *text)
{
    int count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

START_TEST(an_event_is_one_line_with_speaker_and_level)
{
    log_event(LOG_LEVEL_NOTICE, "sign.denied", "client=%s rv=%d", "anna", 5);
    ck_assert_ptr_nonnull(strstr(heard(), "notice tester: sign.denied client=anna rv=5\n"));
    ck_assert_int_eq(lines(said), 1);
}
END_TEST

START_TEST(what_is_less_severe_than_asked_for_stays_unsaid)
{
    log_event(LOG_LEVEL_DEBUG, "detail", "x=%d", 1);
    log_event_limited(LOG_LEVEL_DEBUG, 10, "detail", "x=%d", 1);
    ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(as_json_every_field_is_a_member)
{
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_NOTICE, "sign.denied", "client=%s why=\"two words\" rv=%d", "anna", 5);
    ck_assert_ptr_nonnull(strstr(heard(),
                                 "\"level\":\"notice\",\"speaker\":\"tester\",\"event\":\"sign.denied\","
                                 "\"client\":\"anna\",\"why\":\"two words\",\"rv\":\"5\"}\n"));
    ck_assert_int_eq(lines(said), 1);
    ck_assert_int_eq(said[0], '{');
}
END_TEST

START_TEST(as_json_a_hostile_value_stays_in_its_string)
{
    char value[4000];

    memset(value, '\\', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    log_set_format(LOG_FORMAT_JSON);
    log_event(LOG_LEVEL_NOTICE, "user.add", "user=%s", "a\",\"level\":\"error\n\\");
    ck_assert_int_eq(lines(heard()), 1);
    ck_assert_ptr_null(strstr(said, "\"level\":\"error"));
    log_event(LOG_LEVEL_NOTICE, "user.add", "user=%s", value);
    ck_assert_int_eq(lines(heard()), 1);
    ck_assert_ptr_nonnull(strstr(said, "\"}\n"));
}
END_TEST

START_TEST(a_value_with_a_newline_cannot_forge_a_line)
{
    log_event(LOG_LEVEL_NOTICE, "user.add", "user=%s", "a\nerror tester: forged\r\x1b[2J");
    ck_assert_int_eq(lines(heard()), 1);
    ck_assert_ptr_null(strchr(said, '\x1b'));
    ck_assert_ptr_null(strchr(said, '\r'));
}
END_TEST

START_TEST(a_long_value_is_cut_and_still_ends_its_line)
{
    char value[5000];

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_event(LOG_LEVEL_NOTICE, "long", "value=%s", value);
    ck_assert_int_eq(lines(heard()), 1);
    ck_assert_uint_le(strlen(said), 1024);
    ck_assert_int_eq(said[strlen(said) - 1], '\n');
}
END_TEST

START_TEST(under_the_journal_a_line_starts_with_its_priority)
{
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_open("tester", LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_ERROR, "store.lost", "path=%s", "x");
    ck_assert_str_eq(heard(), "<3>tester: store.lost path=x\n");
}
END_TEST

START_TEST(what_clients_can_trigger_is_limited_by_event)
{
    for (int i = 0; i < 100; i++)
        log_event_limited(LOG_LEVEL_NOTICE, 3, "frame.bad", "n=%d", i);
    log_event_limited(LOG_LEVEL_NOTICE, 3, "tls.bad", "n=%d", 0);
    /* The minute may end meanwhile: then there are up to three more, and one that counts the lost. */
    ck_assert_int_ge(lines(heard()), 4);
    ck_assert_int_le(lines(said), 8);
    ck_assert_ptr_nonnull(strstr(said, "tls.bad"));
}
END_TEST

SUITE_WITH_FIXTURE("log", catch_log, NULL, an_event_is_one_line_with_speaker_and_level,
                   what_is_less_severe_than_asked_for_stays_unsaid, as_json_every_field_is_a_member,
                   as_json_a_hostile_value_stays_in_its_string, a_value_with_a_newline_cannot_forge_a_line,
                   a_long_value_is_cut_and_still_ends_its_line,
                   under_the_journal_a_line_starts_with_its_priority,
                   what_clients_can_trigger_is_limited_by_event);
