/* SPDX-License-Identifier: Apache-2.0 */
/* dial.c - a race of connect()s. */
#include "client/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "client/clock.h"

#define ADDRESSES_MAX   16
#define STAGGER_MS      250
#define KEEPALIVE_S     30
#define USER_TIMEOUT_MS 5000 /* unacknowledged data: the peer or the way to it is gone */

struct race {
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    struct pollfd polls[ADDRESSES_MAX]; /* fd -1: not begun, or failed */
    size_t count, begun;
    struct descriptors *descriptors;
    int error; /* of the last that failed */
};

static bool parse_address(char *text, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    size_t len = strlen(text);

    memset(ret, 0, sizeof(*ret));
    if (text[0] != '[') {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return inet_pton(AF_INET, text, &v4->sin_addr) == 1;
    }
    if (text[len - 1] != ']')
        return false;
    text[len - 1] = '\0';
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return inet_pton(AF_INET6, text + 1, &v6->sin6_addr) == 1;
}

static int parse_addresses(const char *list, const char *port, struct race *race)
{
    CLEANUP(free_string) char *copy = strdup(list);
    char *rest = copy, *end;
    unsigned long number = strtoul(port, &end, 10);

    if (!copy)
        return -ENOMEM;
    if (*end || number == 0 || number > UINT16_MAX)
        return -EINVAL;
    for (char *one; (one = strsep(&rest, ",")) && race->count < ADDRESSES_MAX;) {
        race->polls[race->count] = (struct pollfd){ .fd = -1, .events = POLLOUT };
        if (!parse_address(one, (uint16_t)number, &race->addresses[race->count++]))
            return -EINVAL;
    }
    return 0;
}

static int make_socket(int family, struct descriptors *descriptors)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, keepalive_s = KEEPALIVE_S, timeout_ms = USER_TIMEOUT_MS;

    if (fd < 0)
        return -errno;
    if (!descriptors_add(descriptors, fd)) {
        close(fd);
        return -EMFILE;
    }
    /* Each of them helps where it is there; none is needed for a call. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof(keepalive_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive_s, sizeof(keepalive_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return fd;
}

static void begin(struct race *race)
{
    size_t i = race->begun++;
    const struct sockaddr *address = (const struct sockaddr *)&race->addresses[i];
    socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = make_socket(address->sa_family, race->descriptors);

    if (fd < 0) {
        race->error = fd;
        return;
    }
    if (connect(fd, address, len) < 0 && errno != EINPROGRESS) {
        race->error = -errno;
        descriptors_remove(race->descriptors, fd);
        return;
    }
    race->polls[i].fd = fd;
}

static bool is_running(const struct race *race)
{
    for (size_t i = 0; i < race->begun; i++)
        if (race->polls[i].fd >= 0)
            return true;
    return false;
}

/* The first that is through, or -1; those that failed are let go. */
static int take_winner(struct race *race)
{
    for (size_t i = 0; i < race->begun; i++) {
        int error = 0, fd = race->polls[i].fd;
        socklen_t len = sizeof(error);

        if (fd < 0 || !race->polls[i].revents)
            continue;
        race->polls[i].fd = -1;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
            return fd;
        race->error = -error;
        descriptors_remove(race->descriptors, fd);
    }
    return -1;
}

static int run(struct race *race, int64_t deadline_ms)
{
    int64_t next_ms = 0;
    int fd = -1;

    while (fd < 0 && clock_left_ms(deadline_ms)) {
        int64_t until = deadline_ms;

        if (race->begun < race->count && (clock_now_ms() >= next_ms || !is_running(race))) {
            begin(race);
            next_ms = clock_now_ms() + STAGGER_MS;
        }
        if (!is_running(race) && race->begun == race->count)
            return race->error;
        if (race->begun < race->count && next_ms < until)
            until = next_ms;
        (void)poll(race->polls, race->begun, (int)clock_left_ms(until));
        fd = take_winner(race);
    }
    return fd >= 0 ? fd : -ETIMEDOUT;
}

int dial(const char *addresses, const char *port, struct descriptors *descriptors, int64_t deadline_ms,
         int *ret)
{
    struct race race = { .descriptors = descriptors, .error = -ENOENT };
    int r = parse_addresses(addresses, port, &race);

    if (r == 0)
        r = run(&race, deadline_ms);
    for (size_t i = 0; i < race.begun; i++)
        if (race.polls[i].fd >= 0)
            descriptors_remove(descriptors, race.polls[i].fd);
    if (r < 0)
        return r;
    *ret = r;
    return 0;
}
