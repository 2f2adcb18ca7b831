/* SPDX-License-Identifier: Apache-2.0 */
/* test_herald.c - the process itself, with commands that succeed, fail, hang, and tell what they were given. */
#include "proxy/herald/herald.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proto/notice.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define MEMBERS "\"event\":\"pin.locked\",\"user\":\"ann\""
#define OBJECT  "{" MEMBERS "}"
#define CODE    "739154"

static struct scratch scratch;
static char command[SCRATCH_PATH_MAX], told[SCRATCH_PATH_MAX];
static struct proxy_config config;
static int inbox[2], control[2];
static pid_t herald;

static void setup(void)
{
    log_open("test", LOG_LEVEL_ERROR);
    scratch_make(&scratch);
    ck_assert_int_eq(chdir(scratch.directory), 0);
    ck_assert_int_eq(mkdir(HERALD_SPOOL, 0700), 0);
    snprintf(command, sizeof(command), "%s", scratch_path(&scratch, "command"));
    snprintf(told, sizeof(told), "%s", scratch_path(&scratch, "told"));
    config = (struct proxy_config){
        .notice_command = command,
        .notice_timeout_ms = 60000,
        .notice_workers = 2,
        .notice_keep = 10,
        .notice_retry_hours = 1,
    };
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, inbox), 0);
}

static void teardown(void)
{
    descriptor_close(inbox[0]);
    descriptor_close(inbox[1]);
    scratch_remove(&scratch);
}

/* The command's lines; what it is given comes to the file "told". */
static void write_command(const char *lines)
{
    FILE *file = fopen(command, "w");

    fprintf(file, "#!/bin/sh\nto=%s\n%s\n", told, lines);
    ck_assert_int_eq(fchmod(fileno(file), 0700), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void start(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    herald = fork();
    if (herald == 0) {
        descriptor_close(control[0]);
        exit(herald_main(&config, control[1], inbox[0]));
    }
    descriptor_close(control[1]);
}

/* It takes what is in the inbox and waits for what is under way before it leaves. */
static void stop(void)
{
    descriptor_close(control[0]);
    ck_assert_int_eq(scratch_wait(herald), 0);
}

static void tell(enum notice_kind kind, const char *event, const char *code)
{
    CLEANUP(secret_free) struct secret *message = NULL;

    ck_assert_int_eq(notice_message_make(kind, event, OBJECT, code, &message), 0);
    ck_assert_int_eq(send(inbox[1], message->data, message->len, 0), message->len);
}

static const char *read_told(void)
{
    static char text[1024];
    FILE *file = fopen(told, "r");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    text[len] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* Whether any file below the working directory has @text in it. */
static bool is_on_disk(const char *text)
{
    char line[128];

    snprintf(line, sizeof(line), "grep -rq '%s' .", text);
    return system(line) == 0; /* NOLINT: the test's own words */
}

/* What was killed may still be waiting to be buried: a zombie. proc(5) */
static bool is_running(int pid)
{
    char path[64], state = 'Z';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return false;
    ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state != 'Z' && state != 'X';
}

START_TEST(command_gets_event_object_and_nothing_else)
{
    write_command(
        "{ echo \"$# $1\"; cat; echo; env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= -e ^OLDPWD= | cut -d= -f1; "
        "ls /proc/self/fd | wc -l; } >$to");
    start();
    tell(NOTICE_NEWS, "pin.locked", "");
    stop();
    /* standard input, output and error, and ls's own */
    ck_assert_str_eq(read_told(), "1 pin.locked\n" OBJECT "\nPATH\n4\n");
    ck_assert(!is_on_disk("npin.locked")); /* delivered: the spool is empty */
}
END_TEST

START_TEST(news_that_failed_are_delivered_by_the_next_process)
{
    write_command("exit 1");
    start();
    tell(NOTICE_NEWS, "pin.locked", "");
    stop();
    ck_assert(is_on_disk("npin.locked"));
    write_command("cat >$to");
    start();
    stop();
    ck_assert_str_eq(read_told(), OBJECT);
    ck_assert(!is_on_disk("npin.locked"));
}
END_TEST

START_TEST(news_told_while_there_is_no_herald_wait_in_the_socket)
{
    write_command("cat >$to");
    tell(NOTICE_NEWS, "pin.locked", "");
    start();
    stop();
    ck_assert_str_eq(read_told(), OBJECT);
}
END_TEST

START_TEST(code_that_failed_is_nowhere)
{
    write_command("cat >/dev/null; exit 1");
    start();
    tell(NOTICE_CODE, "code.send", CODE);
    stop();
    ck_assert(!is_on_disk(CODE));
}
END_TEST

START_TEST(code_is_given_to_the_command_on_standard_input_alone)
{
    write_command("{ cat /proc/$$/cmdline /proc/$$/environ | tr '\\0' '\\n' | grep -c " CODE "; cat; } >$to");
    start();
    tell(NOTICE_CODE, "code.send", CODE);
    stop();
    ck_assert_str_eq(read_told(), "0\n{\"code\":\"" CODE "\"," MEMBERS "}");
}
END_TEST

START_TEST(command_that_hangs_is_ended_with_all_it_started)
{
    config.notice_timeout_ms = 100;
    write_command("sleep 1000 & echo $! >$to; wait");
    start();
    tell(NOTICE_NEWS, "pin.locked", "");
    stop();
    ck_assert_int_gt(atoi(read_told()), 0);
    for (int i = 0; i < 500 && is_running(atoi(read_told())); i++)
        usleep(10000); /* the signal is sent; it may be on its way */
    ck_assert(!is_running(atoi(read_told())));
    ck_assert(is_on_disk("npin.locked"));
}
END_TEST

START_TEST(bytes_that_are_no_message_are_dropped)
{
    write_command("cat >$to");
    ck_assert_int_eq(send(inbox[1], "nonsense", 8, 0), 8);
    tell(NOTICE_NEWS, "pin.locked", "");
    start();
    stop();
    ck_assert_str_eq(read_told(), OBJECT);
}
END_TEST

static void expect_refusal(const char *command_path, const char *webhook, const char *word)
{
    struct proxy_config wrong = { .notice_command = (char *)command_path, .notice_webhook = (char *)webhook };
    CLEANUP(free_string) char *why = NULL;

    ck_assert_int_eq(herald_check(&wrong, &why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, word));
}

START_TEST(section_that_cannot_be_meant_is_refused)
{
    expect_refusal("/bin/true", "https://localhost/", "choose one");
    expect_refusal("/nowhere", NULL, "/nowhere");
    expect_refusal(NULL, "http://localhost/", "https://");
}
END_TEST

SUITE_WITH_FIXTURE("herald", setup, teardown, command_gets_event_object_and_nothing_else,
                   news_that_failed_are_delivered_by_the_next_process,
                   news_told_while_there_is_no_herald_wait_in_the_socket, code_that_failed_is_nowhere,
                   code_is_given_to_the_command_on_standard_input_alone,
                   command_that_hangs_is_ended_with_all_it_started, bytes_that_are_no_message_are_dropped,
                   section_that_cannot_be_meant_is_refused);
