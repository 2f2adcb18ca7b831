/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - a question, and one line read into locked memory; whatever ends it, the echo is put back. */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_LEN 256

/* What may end or stop a program at a question; a descriptor of -1 tells of none. */
static bool has_signal(int fd, int signals)
{
    struct pollfd ready[2] = { { .fd = fd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };

    if (signals < 0)
        return false;
    while (poll(ready, 2, -1) < 0 && errno == EINTR)
        ;
    return ready[1].revents != 0;
}

/* Errors: -EINTR (one of @signals waits). */
static int read_line(int fd, int signals, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *line = NULL;
    size_t used = 0;
    int r = secret_new(LINE_MAX_LEN, &line);

    if (r < 0)
        return r;
    for (;;) {
        uint8_t c;
        ssize_t n;

        if (has_signal(fd, signals))
            return -EINTR;
        n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || c == '\n')
            break;
        if (used == LINE_MAX_LEN)
            return -E2BIG;
        line->data[used++] = c;
    }
    if (used && line->data[used - 1] == '\r')
        used--;
    line->len = used;
    *ret = TAKE(line);
    return 0;
}

int terminal_read_file(const char *path, struct secret **ret)
{
    int fd, r;

    if (strcmp(path, "-") == 0)
        return read_line(STDIN_FILENO, -1, ret);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = read_line(fd, -1, ret);
    close(fd);
    return r;
}

static int ask(int fd, int signals, const char *prompt, bool is_seen, struct secret **ret)
{
    struct termios before, unseen;
    int r;

    if (tcgetattr(fd, &before) < 0)
        return -ENOTTY;
    unseen = before;
    unseen.c_lflag &= ~(tcflag_t)ECHO;
    /* Before the prompt: who is quick, or a program that answers it, is neither seen nor lost. */
    if (!is_seen)
        tcsetattr(fd, TCSAFLUSH, &unseen);
    r = write(fd, prompt, strlen(prompt)) < 0 ? -ENOTTY : read_line(fd, signals, ret);
    if (!is_seen) {
        tcsetattr(fd, TCSAFLUSH, &before);
        if (write(fd, "\n", 1) < 0)
            r = r < 0 ? r : 0;
    }
    return r;
}

int terminal_ask(const char *prompt, bool is_seen, struct secret **ret)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC), signals, r;
    sigset_t held, before;

    if (fd < 0)
        return -ENOTTY;
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGQUIT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGTSTP);
    signals = signalfd(-1, &held, SFD_CLOEXEC);
    r = signals < 0 ? -errno : -EINTR;
    while (r == -EINTR) {
        sigprocmask(SIG_BLOCK, &held, &before);
        r = ask(fd, signals, prompt, is_seen, ret);
        sigprocmask(SIG_SETMASK, &before, NULL); /* what was held back happens: mostly, this is the end */
    }
    if (signals >= 0)
        close(signals);
    close(fd);
    return r;
}

bool terminal_is_there(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
