/* SPDX-License-Identifier: Apache-2.0 */
/* test_sockets.c - addresses to listen on, good and bad. */
#include "proxy/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"
#include "tests/support/suite.h"

static struct proxy_config config_of(const char *address)
{
    return (struct proxy_config){ .listen = { { (char *)address }, 1 } };
}

START_TEST(numeric_addresses_with_a_port_are_taken)
{
    static const char *const addresses[] = { "127.0.0.1:7443", "0.0.0.0:1", "[::]:7443", "[::1]:0" };

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct proxy_config config = config_of(addresses[i]);
        CLEANUP(free_string) char *why = NULL;

        ck_assert_msg(sockets_check(&config, &why) == 0, "%s", addresses[i]);
    }
}
END_TEST

START_TEST(anything_else_is_refused_by_name)
{
    static const char *const addresses[] = {
        "",          ":",          "127.0.0.1", "localhost:7443", "127.0.0.1:https", "127.0.0.1:99999",
        "[::1:7443", "300.0.0.1:1"
    };

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct proxy_config config = config_of(addresses[i]);
        CLEANUP(free_string) char *why = NULL;

        ck_assert_msg(sockets_check(&config, &why) == -EINVAL, "%s", addresses[i]);
        ck_assert_ptr_nonnull(strstr(why, addresses[i]));
    }
}
END_TEST

START_TEST(port_in_use_is_said_with_its_address)
{
    struct proxy_config config = config_of("127.0.0.1:0");
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    struct sockets first, second;
    CLEANUP(free_string) char *why = NULL;
    char text[32];

    log_open("test", LOG_LEVEL_ERROR);
    ck_assert_int_eq(sockets_open(&config, &first, &why), 0);
    ck_assert_uint_eq(first.count, 1);
    ck_assert_int_eq(getsockname(first.fd[0], (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(address.sin_port));
    config = config_of(text);
    ck_assert_int_eq(sockets_open(&config, &second, &why), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why, text));
    sockets_close(&first);
}
END_TEST

/* What systemd does: the socket as descriptor 3, and three words in the environment. sd_listen_fds(3) */
static void give(int fd)
{
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (dup2(fd, 3) != 3 || setenv("LISTEN_PID", pid, 1) || setenv("LISTEN_FDS", "1", 1) ||
        setenv("LISTEN_FDNAMES", "privyseald.socket", 1))
        abort();
}

/* Descriptor 3 is Check's, so a process of its own has the socket there. Returns its exit status. */
static int in_a_process_with(int fd, int (*run)(void))
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        give(fd);
        _exit(run());
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_both_purposes(void)
{
    struct proxy_config config = config_of("127.0.0.1:0");
    CLEANUP(free_string) char *why = NULL;
    struct sockets sockets;

    config.enrolment_listen = config.listen;
    log_open("test", LOG_LEVEL_ERROR);
    if (sockets_open(&config, &sockets, &why))
        return 1;
    return sockets.count == 2 && sockets.fd[0] == 3 && sockets.purpose[0] == SOCKET_SERVE &&
                   sockets.purpose[1] == SOCKET_ENROLMENT
               ? 0
               : 2;
}

START_TEST(given_socket_stands_for_the_addresses_of_its_purpose_only)
{
    CLEANUP(descriptor_close) int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(in_a_process_with(fd, open_both_purposes), 0);
}
END_TEST

static int open_and_be_refused(void)
{
    struct proxy_config config = config_of("127.0.0.1:0");
    CLEANUP(free_string) char *why = NULL;
    struct sockets sockets;

    return sockets_open(&config, &sockets, &why) == -ENOTSOCK && strstr(why, "no listening") ? 0 : 1;
}

START_TEST(given_descriptor_that_does_not_listen_is_refused)
{
    CLEANUP(descriptor_close) int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(in_a_process_with(fd, open_and_be_refused), 0);
}
END_TEST

SUITE("sockets", numeric_addresses_with_a_port_are_taken, anything_else_is_refused_by_name,
      port_in_use_is_said_with_its_address, given_socket_stands_for_the_addresses_of_its_purpose_only,
      given_descriptor_that_does_not_listen_is_refused);
