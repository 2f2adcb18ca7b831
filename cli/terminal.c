/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - a question, and one line read into locked memory. */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_LEN 256

/* Whether somebody at @terminal presses what ends a program. NULL: a file, where that is a byte like others. */
static bool is_interrupt(const struct termios *terminal, uint8_t c)
{
    return terminal && terminal->c_cc[VINTR] != _POSIX_VDISABLE && c == terminal->c_cc[VINTR];
}

/* Reads one line into locked memory, byte by byte: no stdio buffer keeps a copy. Errors: -EINTR. */
static int read_line(int fd, const struct termios *terminal, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *line = NULL;
    size_t used = 0;
    int r = secret_new(LINE_MAX_LEN, &line);

    if (r < 0)
        return r;
    for (;;) {
        uint8_t c;
        ssize_t n = read(fd, &c, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || c == '\n')
            break;
        if (is_interrupt(terminal, c))
            return -EINTR;
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

int terminal_ask(const char *prompt, bool is_seen, struct secret **ret)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC), r;
    struct termios before, unseen;

    if (fd < 0)
        return -ENOTTY;
    if (tcgetattr(fd, &before) < 0) {
        close(fd);
        return -ENOTTY;
    }
    unseen = before;
    /* ^C would end us before the echo is back: so it is a byte, which ends the line. */
    unseen.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    unseen.c_cc[VEOL] = before.c_cc[VINTR];
    /* Before the prompt: who is quick, or a program that answers it, is neither seen nor lost. */
    if (!is_seen)
        tcsetattr(fd, TCSAFLUSH, &unseen);
    r = write(fd, prompt, strlen(prompt)) < 0 ? -ENOTTY : read_line(fd, is_seen ? NULL : &before, ret);
    if (!is_seen) {
        tcsetattr(fd, TCSAFLUSH, &before);
        if (write(fd, "\n", 1) < 0)
            r = r < 0 ? r : 0;
    }
    close(fd);
    if (r == -EINTR)
        raise(SIGINT);
    return r;
}

int terminal_read_file(const char *path, struct secret **ret)
{
    int fd, r;

    if (strcmp(path, "-") == 0)
        return read_line(STDIN_FILENO, NULL, ret);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = read_line(fd, NULL, ret);
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
