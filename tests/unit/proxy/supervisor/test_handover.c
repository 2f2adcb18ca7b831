/* SPDX-License-Identifier: Apache-2.0 */
/* test_handover.c - what a former program left in the environment: ours, somebody else's, or nonsense. */
#include "proxy/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/suite.h"

static const struct proxy_config config = { .signers = 2 };
static struct crew crew;
static int fd;

static void set_up(void)
{
    ck_assert_int_eq(crew_init(&crew, &config), 0);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
}

static void tear_down(void)
{
    crew_clear(&crew);
}

static void leave(pid_t pid, const char *words)
{
    char text[256];

    snprintf(text, sizeof(text), "%d%s", (int)pid, words);
    setenv("PRIVYSEAL_HANDOVER", text, 1);
}

START_TEST(nothing_is_pending_for_another_process)
{
    unsetenv("PRIVYSEAL_HANDOVER");
    ck_assert(!handover_is_pending());
    leave(getpid() + 1, " s0.3");
    ck_assert(!handover_is_pending());
    leave(getpid(), "");
    ck_assert(!handover_is_pending());
}
END_TEST

START_TEST(sockets_and_children_are_taken_up_and_the_front_becomes_the_former)
{
    char words[128];

    snprintf(words, sizeof(words), " s1.%d c0.1.4001.%d c1.2.4002.%d", fd, dup(fd), dup(fd));
    leave(getpid(), words);
    ck_assert(handover_is_pending());
    ck_assert_int_eq(handover_take(&crew), 0);
    ck_assert_uint_eq(crew.sockets.count, 1);
    ck_assert_int_eq(crew.sockets.purpose[0], SOCKET_ENROLMENT);
    ck_assert_int_eq(crew.sockets.fd[0], fd);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(crew.signers[1].pid, 4001);
    ck_assert_int_eq(crew.signers[1].state, CHILD_UP);
    ck_assert_int_eq(crew.signers[0].state, CHILD_DOWN);
    ck_assert_int_eq(crew.former.pid, 4002);
    ck_assert_int_eq(crew.front->state, CHILD_DOWN);
    ck_assert_ptr_eq(crew_find(&crew, 4002), &crew.former);
    ck_assert(!handover_is_pending()); /* once */
}
END_TEST

START_TEST(child_without_a_place_is_dismissed)
{
    int control[2];
    char words[64], byte;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control), 0);
    snprintf(words, sizeof(words), " c0.7.4001.%d", control[0]);
    leave(getpid(), words);
    ck_assert_int_eq(handover_take(&crew), 0);
    ck_assert_ptr_null(crew_find(&crew, 4001));
    ck_assert_int_eq(read(control[1], &byte, 1), 0);
    close(control[1]);
}
END_TEST

START_TEST(words_that_are_none_are_refused)
{
    static const char *const nonsense[] = { " x1", " s0", " s9.0", " s-1.0", " c0.1.2",
                                            " s",  " h",  " n3",   " 1" };

    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        leave(getpid(), nonsense[i]);
        ck_assert_msg(handover_take(&crew) == -EBADMSG, "%s", nonsense[i]);
    }
}
END_TEST

START_TEST(descriptor_that_is_not_open_is_refused)
{
    leave(getpid(), " s0.9999");
    ck_assert_int_eq(handover_take(&crew), -EBADF);
    crew.sockets.count = 0; /* it is not ours to close */
}
END_TEST

SUITE_WITH_FIXTURE("handover", set_up, tear_down, nothing_is_pending_for_another_process,
                   sockets_and_children_are_taken_up_and_the_front_becomes_the_former,
                   child_without_a_place_is_dismissed, words_that_are_none_are_refused,
                   descriptor_that_is_not_open_is_refused);
