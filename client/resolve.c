/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - c-ares driven by poll(), for one name at a time. */
#include "client/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "client/clock.h"

#define RESOLVE_ADDRESSES_MAX 16 /* a name with more of them is cut */
#define RESOLVE_TRY_MS        2000

struct resolve_answer {
    struct buffer *ret;
    int status;
    bool is_done;
};

bool resolve_local(const char *host, struct buffer *ret)
{
    uint8_t address[sizeof(struct in6_addr)];

    if (host[0] == '[' || inet_pton(AF_INET, host, address) == 1)
        buffer_append_text(ret, host);
    else if (strcasecmp(host, "localhost") == 0)
        buffer_append_text(ret, "127.0.0.1,[::1]");
    else
        return false;
    return true;
}

static void append_address(struct buffer *ret, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    bool is_ipv6 = address->sa_family == AF_INET6;
    const void *raw = is_ipv6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

    if (!inet_ntop(address->sa_family, raw, text, sizeof(text)))
        return;
    if (ret->len)
        buffer_append_text(ret, ",");
    buffer_append_text(ret, is_ipv6 ? "[" : "");
    buffer_append_text(ret, text);
    buffer_append_text(ret, is_ipv6 ? "]" : "");
}

static void take_answer(void *cookie, int status, int timeouts, struct ares_addrinfo *result)
{
    struct resolve_answer *answer = cookie;
    unsigned taken = 0;

    (void)timeouts;
    answer->status = status;
    answer->is_done = true;
    if (!result)
        return;
    for (struct ares_addrinfo_node *node = result->nodes; node && taken < RESOLVE_ADDRESSES_MAX;
         node = node->ai_next)
        if (node->ai_family == AF_INET || node->ai_family == AF_INET6) {
            append_address(answer->ret, node->ai_addr);
            taken++;
        }
    ares_freeaddrinfo(result);
}

/* Waits for c-ares' sockets, or for its own timer, and lets it work. */
static void drive(ares_channel channel, int64_t deadline_ms)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polls[ARES_GETSOCK_MAXNUM];
    unsigned left = clock_left_ms(deadline_ms);
    struct timeval most = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 }, room;
    struct timeval *wait = ares_timeout(channel, &most, &room);
    unsigned wanted = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    int n = 0;

    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* By hand: the macros for it shift a signed number into its sign. */
        short events =
            (short)((wanted >> i & 1 ? POLLIN : 0) | (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));

        if (events)
            polls[n++] = (struct pollfd){ .fd = sockets[i], .events = events };
    }
    (void)poll(polls, (nfds_t)n, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    for (int i = 0; i < n; i++)
        ares_process_fd(channel,
                        polls[i].revents & (POLLIN | POLLERR | POLLHUP) ? polls[i].fd : ARES_SOCKET_BAD,
                        polls[i].revents & POLLOUT ? polls[i].fd : ARES_SOCKET_BAD);
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its timers */
}

static int status_to_errno(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return -ENOENT;
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
        return -ETIMEDOUT;
    case ARES_ENOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

int resolve_host(const char *host, int64_t deadline_ms, struct buffer *ret, const char **why)
{
    struct ares_options options = { .timeout = RESOLVE_TRY_MS, .tries = 3, .lookups = (char[]){ "fb" } };
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct resolve_answer answer = { .ret = ret };
    ares_channel channel;
    int status =
        ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS);

    if (status != ARES_SUCCESS) {
        *why = ares_strerror(status);
        return status_to_errno(status);
    }
    ares_getaddrinfo(channel, host, NULL, &hints, take_answer, &answer);
    while (!answer.is_done && clock_left_ms(deadline_ms))
        drive(channel, deadline_ms);
    ares_destroy(channel); /* what is still open ends with ARES_EDESTRUCTION, through take_answer() */
    if (answer.status == ARES_EDESTRUCTION)
        answer.status = ARES_ETIMEOUT;
    if (answer.status == ARES_SUCCESS && ret->len == 0)
        answer.status = ARES_ENODATA;
    *why = ares_strerror(answer.status);
    return ret->failed ? -ENOMEM : status_to_errno(answer.status);
}
