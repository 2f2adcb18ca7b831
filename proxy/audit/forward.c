/* SPDX-License-Identifier: Apache-2.0 */
/* forward.c - sending records on, without ever waiting. */
#include "proxy/audit/forward.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/audit/forward_format.h"

#define WAITING_MAX (1024 * 1024) /* bytes for a stream that does not take them; some minutes of records */
#define RETRY_MS    5000          /* between two tries to reach a receiver */

typedef void format_fn(const struct audit_record *record, const struct log_name *log, struct bytes line,
                       struct buffer *ret);

struct forward {
    struct log_name log;
    struct sockaddr_storage address;
    socklen_t address_len;
    int type; /* SOCK_DGRAM, SOCK_STREAM */
    format_fn *format;
    int fd;                /* -1: not connected */
    struct buffer waiting; /* of a stream: whole messages, the first maybe begun */
    size_t sent;           /* of the first */
    uint64_t dropped, said;
    int64_t tried_ms;
};

/* --------------------------------------------------------------------------------------------------- sending */

static void disconnect(struct forward *forward)
{
    if (forward->fd >= 0)
        close(forward->fd);
    forward->fd = -1;
    forward->sent = 0; /* a message that was begun is sent anew */
}

/* A stream connects while we go on; until it has, nothing can be written to it. */
static void reconnect(struct forward *forward)
{
    disconnect(forward);
    forward->fd = socket(forward->address.ss_family, forward->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (forward->fd >= 0 &&
        connect(forward->fd, (const struct sockaddr *)&forward->address, forward->address_len) < 0 &&
        errno != EINPROGRESS)
        disconnect(forward);
}

static void send_datagram(struct forward *forward, struct bytes message)
{
    bool is_sent =
        forward->fd >= 0 && send(forward->fd, message.data, message.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;

    if (is_sent)
        return;
    forward->dropped++;
    if (forward->address.ss_family == AF_UNIX && errno != EAGAIN) /* the journal was started anew */
        disconnect(forward);
}

/* The length of the message that @waiting begins with, and of its own count. */
static size_t first_len(const struct buffer *waiting)
{
    size_t digits = 0, len = 0;

    while (digits < waiting->len && waiting->data[digits] != ' ')
        len = 10 * len + (size_t)(waiting->data[digits++] - '0');
    return digits + 1 + len;
}

static void forget_first(struct forward *forward, size_t len)
{
    forward->waiting.len -= len;
    memmove(forward->waiting.data, forward->waiting.data + len, forward->waiting.len);
    forward->sent -= len;
}

static void flush_stream(struct forward *forward)
{
    while (forward->fd >= 0 && forward->sent < forward->waiting.len) {
        ssize_t n = send(forward->fd, forward->waiting.data + forward->sent,
                         forward->waiting.len - forward->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINPROGRESS || errno == EINTR))
            break;
        if (n < 0) {
            disconnect(forward);
            return;
        }
        forward->sent += (size_t)n;
    }
    while (forward->waiting.len && first_len(&forward->waiting) <= forward->sent)
        forget_first(forward, first_len(&forward->waiting));
}

static void queue_stream(struct forward *forward, struct bytes message)
{
    if (forward->waiting.len + message.len > WAITING_MAX) {
        forward->dropped++;
        return;
    }
    buffer_append(&forward->waiting, message);
    if (forward->waiting.failed) { /* no memory: what waits is as good as lost */
        forward->dropped++;
        buffer_clear(&forward->waiting);
        disconnect(forward);
        return;
    }
    flush_stream(forward);
}

void forward_record(void *arg, const struct audit_record *record, struct bytes line)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    struct forward *forward = arg;

    forward->format(record, &forward->log, line, &message);
    if (message.failed)
        forward->dropped++;
    else if (forward->type == SOCK_STREAM)
        queue_stream(forward, buffer_bytes(&message));
    else
        send_datagram(forward, buffer_bytes(&message));
}

void forward_tick(struct forward *forward, int64_t now_ms)
{
    if (forward->fd < 0 && (now_ms < forward->tried_ms || now_ms - forward->tried_ms >= RETRY_MS)) {
        forward->tried_ms = now_ms;
        reconnect(forward);
    }
    if (forward->type == SOCK_STREAM)
        flush_stream(forward);
    if (forward->dropped == forward->said)
        return;
    log_event_limited(LOG_LEVEL_WARNING, 6, "audit.forward_dropped", "records=%llu",
                      (unsigned long long)(forward->dropped - forward->said));
    forward->said = forward->dropped;
}

uint64_t forward_dropped(const struct forward *forward)
{
    return forward->dropped;
}

/* -------------------------------------------------------------------------------------------------- opening */

static int make(const struct log_name *log, int type, format_fn *format, const struct sockaddr *address,
                socklen_t address_len, struct forward **ret)
{
    struct forward *forward = calloc(1, sizeof(*forward));

    if (!forward)
        return -ENOMEM;
    forward->log = *log;
    forward->type = type;
    forward->format = format;
    forward->fd = -1;
    memcpy(&forward->address, address, address_len);
    forward->address_len = address_len;
    reconnect(forward);
    *ret = forward;
    return 0;
}

int forward_open_journal(const char *path, const struct log_name *log, struct forward **ret)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        return -EINVAL;
    strcpy(address.sun_path, path);
    return make(log, SOCK_DGRAM, format_journal, (const struct sockaddr *)&address, sizeof(address), ret);
}

/* "192.0.2.1:514", "[2001:db8::1]:514"; no name is looked up. */
static int resolve(const char *text, int type, struct addrinfo **ret)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = type };
    const char *colon = strrchr(text, ':');
    bool is_bracketed = *text == '[' && colon && colon[-1] == ']';
    char host[64];
    int len = colon ? (int)(colon - text) - 2 * is_bracketed : 0;

    if (len <= 0 || (size_t)len >= sizeof(host) || !colon[1])
        return -EINVAL;
    snprintf(host, sizeof(host), "%.*s", len, text + is_bracketed);
    return getaddrinfo(host, colon + 1, &hints, ret) == 0 ? 0 : -EINVAL;
}

static const struct {
    const char *scheme;
    int type;
    format_fn *format;
} kinds[] = {
    { "syslog:", SOCK_DGRAM, format_syslog },
    { "syslog-tcp:", SOCK_STREAM, format_syslog_stream },
};

int forward_open(const char *where, const struct log_name *log, struct forward **ret)
{
    if (strcmp(where, "journald") == 0)
        return forward_open_journal(FORWARD_JOURNAL, log, ret);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct addrinfo *found = NULL;
        int r;

        if (strncmp(where, kinds[i].scheme, strlen(kinds[i].scheme)) != 0)
            continue;
        r = resolve(where + strlen(kinds[i].scheme), kinds[i].type, &found);
        if (r == 0)
            r = make(log, kinds[i].type, kinds[i].format, found->ai_addr, found->ai_addrlen, ret);
        if (found)
            freeaddrinfo(found);
        return r;
    }
    return -EINVAL;
}

void forward_close(struct forward *forward)
{
    if (!forward)
        return;
    if (forward->type == SOCK_STREAM)
        flush_stream(forward);
    disconnect(forward);
    buffer_clear(&forward->waiting);
    free(forward);
}
