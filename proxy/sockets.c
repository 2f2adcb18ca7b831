/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - numeric addresses only: a server must not wait for DNS to start. */
#include "proxy/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"

#define BACKLOG 1024

DEFINE_CLEANUP(freeaddrinfo, struct addrinfo *);

/* Set once here: an accepted socket inherits them (tcp(7)). */
static const struct socket_option {
    int level, name, value;
} options[] = {
    { SOL_SOCKET, SO_REUSEADDR, 1 },
    { SOL_SOCKET, SO_KEEPALIVE, 1 },          /* a client that vanished is noticed some day */
    { IPPROTO_TCP, TCP_USER_TIMEOUT, 30000 }, /* ms: sent and not acknowledged */
};

static int say(char **why, int error, const char *format, ...) PRINTF_LIKE(3, 4);
static int say(char **why, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return error;
}

/* getaddrinfo() takes 99999, and makes 34463 of it. */
static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len <= 5 && text[len] == '\0' && strtoul(text, NULL, 10) <= UINT16_MAX;
}

/* "127.0.0.1:7443", "[::1]:7443". Errors: -EINVAL. */
static int parse(const char *text, struct addrinfo **ret)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                    .ai_socktype = SOCK_STREAM };
    CLEANUP(free_string) char *host = strdup(text);
    char *colon = host ? strrchr(host, ':') : NULL;
    char *start = host;

    if (!colon || !is_port(colon + 1))
        return -EINVAL;
    *colon = '\0';
    if (*start == '[' && colon > start && colon[-1] == ']') {
        colon[-1] = '\0';
        start++;
    }
    return getaddrinfo(start, colon + 1, &hints, ret) == 0 ? 0 : -EINVAL;
}

/* Where the configuration says what. */
struct purpose {
    const char *section;
    size_t offset;
};

static const struct purpose purposes[SOCKET_PURPOSES] = {
    [SOCKET_SERVE] = { "server", offsetof(struct proxy_config, listen) },
    [SOCKET_ENROLMENT] = { "enrolment", offsetof(struct proxy_config, enrolment_listen) },
};

static const struct addresses *addresses_of(const struct proxy_config *config, enum socket_purpose purpose)
{
    return (const void *)((const char *)config + purposes[purpose].offset);
}

static int check_address(const char *text, const char *section, char **why)
{
    CLEANUP(freeaddrinfo) struct addrinfo *address = NULL;

    if (parse(text, &address) == 0)
        return 0;
    return say(why, -EINVAL, "[%s] listen: \"%s\" is not ADDRESS:PORT, both in numbers", section, text);
}

int sockets_check(const struct proxy_config *config, char **why)
{
    for (int purpose = 0; purpose < SOCKET_PURPOSES; purpose++) {
        const struct addresses *list = addresses_of(config, purpose);

        for (size_t i = 0; i < list->count; i++)
            if (check_address(list->at[i], purposes[purpose].section, why))
                return -EINVAL;
    }
    return 0;
}

/* Errors: -errno. */
static int open_one(const struct addrinfo *address, int *ret)
{
    CLEANUP(descriptor_close)
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct socket_option *option;
    int only = 1;

    if (fd < 0)
        return -errno;
    for (EACH_ROW(option, options))
        if (setsockopt(fd, option->level, option->name, &option->value, sizeof(option->value)))
            return -errno;
    if (address->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)))
        return -errno;
    if (bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, BACKLOG))
        return -errno;
    *ret = TAKE_DESCRIPTOR(fd);
    return 0;
}

/* With port 0 the kernel has chosen one: say which. */
static void log_address(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        log_event(LOG_LEVEL_NOTICE, "supervisor.listen", "address=%s port=%s", host, port);
}

static int open_listed(const struct addresses *list, enum socket_purpose purpose, struct sockets *sockets,
                       char **why)
{
    for (size_t i = 0; i < list->count; i++) {
        CLEANUP(freeaddrinfo) struct addrinfo *address = NULL;
        int error = parse(list->at[i], &address);

        if (!error)
            error = open_one(address, &sockets->fd[sockets->count]);
        if (error)
            return say(why, error, "cannot listen on %s: %s; is another server there? see [%s] listen",
                       list->at[i], strerror(-error), purposes[purpose].section);
        sockets->purpose[sockets->count] = purpose;
        log_address(sockets->fd[sockets->count++]);
    }
    return 0;
}

static bool has_purpose(const struct sockets *sockets, enum socket_purpose purpose)
{
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->purpose[i] == purpose)
            return true;
    return false;
}

/* Of what systemd gave none for. */
static int open_configured(const struct proxy_config *config, struct sockets *sockets, char **why)
{
    int error = sockets_check(config, why);

    for (int purpose = 0; !error && purpose < SOCKET_PURPOSES; purpose++)
        if (!has_purpose(sockets, purpose))
            error = open_listed(addresses_of(config, purpose), purpose, sockets, why);
    return error;
}

static void free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Always our own: what systemd gives are sockets of [server] listen. @where NULL: nowhere. */
static int open_http(const char *where, const char *section, int *ret, char **why)
{
    CLEANUP(freeaddrinfo) struct addrinfo *address = NULL;
    int error = where ? parse(where, &address) : 0;

    if (!where)
        return 0;
    if (!error)
        error = open_one(address, ret);
    if (error)
        return say(why, error, "cannot listen on %s: %s; see [%s] listen", where, strerror(-error), section);
    log_address(*ret);
    return 0;
}

/* Those that systemd gave. */
static int take_given(struct sockets *sockets, char **why)
{
    char **names = NULL;
    int given = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < given && given <= SOCKETS_MAX; i++) {
        sockets->purpose[sockets->count] =
            strcmp(names[i], "enrolment") == 0 ? SOCKET_ENROLMENT : SOCKET_SERVE;
        sockets->fd[sockets->count++] = SD_LISTEN_FDS_START + i;
    }
    free_names(names, given);
    if (given > SOCKETS_MAX)
        return say(why, -EINVAL, "systemd gave more than %d sockets", SOCKETS_MAX);
    for (size_t i = 0; i < sockets->count; i++) {
        if (sd_is_socket(sockets->fd[i], AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return say(why, -ENOTSOCK, "descriptor %d, given by systemd, is no listening stream socket",
                       sockets->fd[i]);
        log_address(sockets->fd[i]);
    }
    return 0;
}

int sockets_open(const struct proxy_config *config, struct sockets *ret, char **why)
{
    int error;

    *ret = (struct sockets){ .http = -1, .metrics = -1 };
    error = take_given(ret, why);
    if (!error)
        error = open_configured(config, ret, why);
    if (!error)
        error = open_http(config->ca_listen, "ca", &ret->http, why);
    if (!error)
        error = open_http(config->metrics_listen, "metrics", &ret->metrics, why);
    if (error)
        sockets_close(ret);
    return error;
}

void sockets_close(struct sockets *sockets)
{
    while (sockets->count)
        close(sockets->fd[--sockets->count]);
    if (sockets->http > 0)
        close(sockets->http);
    if (sockets->metrics > 0)
        close(sockets->metrics);
    sockets->http = sockets->metrics = -1;
}
