/* SPDX-License-Identifier: Apache-2.0 */
/* test_terminal.c - somebody sits at a terminal and types. */
#include "cli/terminal.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/suite.h"

#define PROMPT  "PIN: "
#define LINE    "246810"
#define NO_LINE 1
#define OTHER   2

static int terminal;
static pid_t asking;

/* Asks on a terminal of its own; its exit status is 0 when it was given LINE. */
static void ask(bool is_seen)
{
    asking = forkpty(&terminal, NULL, NULL, NULL);
    ck_assert_int_ge(asking, 0);
    if (asking == 0) {
        struct secret *line = NULL;
        int r;

        signal(SIGINT, SIG_DFL); /* Check has one of its own */
        r = terminal_ask(PROMPT, is_seen, &line);
        _exit(r < 0 ? NO_LINE : bytes_equal(secret_bytes(line), bytes_of_text(LINE)) ? 0 : OTHER);
    }
}

/* What the terminal shows until @text is among it. */
static void read_until(const char *text, char *shown, size_t size)
{
    size_t len = 0;
    ssize_t n;

    for (shown[0] = '\0'; !strstr(shown, text); shown[len] = '\0') {
        ck_assert_uint_lt(len, size - 1);
        n = read(terminal, shown + len, size - 1 - len);
        ck_assert_int_gt(n, 0);
        len += (size_t)n;
    }
}

static int type(const char *text)
{
    char shown[256];
    int status;

    read_until(PROMPT, shown, sizeof(shown));
    ck_assert_int_eq(write(terminal, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(waitpid(asking, &status, 0), asking);
    return status;
}

static bool is_echoing(void)
{
    struct termios now;

    ck_assert_int_eq(tcgetattr(terminal, &now), 0);
    return now.c_lflag & ECHO;
}

START_TEST(line_is_given_and_not_shown)
{
    char shown[256];
    ssize_t len;

    ask(false);
    ck_assert_int_eq(type(LINE "\n"), 0);
    ck_assert(is_echoing());
    len = read(terminal, shown, sizeof(shown) - 1);
    shown[len > 0 ? len : 0] = '\0';
    ck_assert_ptr_null(strstr(shown, LINE));
}
END_TEST

START_TEST(interrupted_question_leaves_a_terminal_that_shows_what_is_typed)
{
    int status;

    ask(false);
    status = type("2468\x03");
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGINT);
    ck_assert(is_echoing());
}
END_TEST

START_TEST(line_that_may_be_seen_is_given_too)
{
    ask(true);
    ck_assert_int_eq(type(LINE "\n"), 0);
}
END_TEST

START_TEST(without_a_terminal_nobody_is_asked)
{
    struct secret *line = NULL;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(setsid() > 0 && !terminal_is_there() && terminal_ask(PROMPT, false, &line) == -ENOTTY ? 0 : 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

SUITE("terminal", line_is_given_and_not_shown,
      interrupted_question_leaves_a_terminal_that_shows_what_is_typed, line_that_may_be_seen_is_given_too,
      without_a_terminal_nobody_is_asked);
