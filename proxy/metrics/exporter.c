/* SPDX-License-Identifier: Apache-2.0 */
/* exporter.c - plain sequential code: accept, read, answer, close. */
#include "proxy/metrics/exporter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"

#define REQUEST_MAX 4096
#define PATIENCE_S  2 /* for a client to send its request, and to take the answer */

/* ---------------------------------------------------------------------------------------------------- answers */

static const char *answer_metrics(const struct metrics *metrics, const char *proxy, uint64_t now_unix,
                                  struct buffer *body)
{
    (void)now_unix;
    metrics_text(metrics, proxy, body);
    return "200 OK";
}

/* Alive is who answers. */
static const char *answer_health(const struct metrics *metrics, const char *proxy, uint64_t now_unix,
                                 struct buffer *body)
{
    (void)metrics, (void)proxy, (void)now_unix;
    buffer_append_text(body, "ok\n");
    return "200 OK";
}

static const char *answer_ready(const struct metrics *metrics, const char *proxy, uint64_t now_unix,
                                struct buffer *body)
{
    bool is_ready = metrics_is_ready(metrics, now_unix, EXPORTER_READY_S);

    (void)proxy;
    buffer_append_text(body, is_ready ? "ready\n" : "not all signers serve\n");
    return is_ready ? "200 OK" : "503 Service Unavailable";
}

static const struct {
    const char *path, *type;
    const char *(*answer)(const struct metrics *metrics, const char *proxy, uint64_t now_unix,
                          struct buffer *body);
} pages[] = {
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", answer_metrics },
    { "/healthz", "text/plain", answer_health },
    { "/readyz", "text/plain", answer_ready },
};

/* Whether @line is "GET @path HTTP/1.x", with or without a query. */
static bool asks_for(const char *line, const char *path)
{
    size_t len = strlen(path);

    return strncmp(line, "GET ", 4) == 0 && strncmp(line + 4, path, len) == 0 &&
           (line[4 + len] == ' ' || line[4 + len] == '?');
}

void exporter_answer(const struct metrics *metrics, const char *proxy, const char *line, uint64_t now_unix,
                     struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer body = { 0 };
    const char *status = "404 Not Found", *type = "text/plain";
    char head[256];

    if (strncmp(line, "GET ", 4) != 0)
        status = "405 Method Not Allowed";
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
        if (asks_for(line, pages[i].path)) {
            status = pages[i].answer(metrics, proxy, now_unix, &body);
            type = pages[i].type;
        }
    if (body.failed)
        status = "503 Service Unavailable";
    snprintf(head, sizeof(head),
             "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
             "Connection: close\r\n\r\n",
             status, type, body.len);
    buffer_append_text(ret, head);
    buffer_append(ret, buffer_bytes(&body));
}

/* ---------------------------------------------------------------------------------------------------- serving */

/* Up to the empty line that ends a request's head; what follows is not looked at. */
static bool read_request(int fd, char request[REQUEST_MAX])
{
    size_t len = 0;

    while (len < REQUEST_MAX - 1) {
        ssize_t n = recv(fd, request + len, REQUEST_MAX - 1 - len, 0);

        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void send_all(int fd, struct bytes bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        bytes = BYTES(bytes.data + n, bytes.len - (size_t)n);
    }
}

static void serve(const struct metrics *metrics, const char *proxy, int listening)
{
    CLEANUP(descriptor_close) int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    CLEANUP(buffer_clear) struct buffer answer = { 0 };
    char request[REQUEST_MAX];

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) || !read_request(fd, request))
        return;
    exporter_answer(metrics, proxy, request, (uint64_t)time(NULL), &answer);
    if (!answer.failed)
        send_all(fd, buffer_bytes(&answer));
}

int exporter_main(const struct metrics *metrics, const char *proxy, int control, int listening)
{
    for (;;) {
        struct pollfd polled[] = { { .fd = control, .events = POLLIN },
                                   { .fd = listening, .events = POLLIN } };

        if (poll(polled, ARRAY_SIZE(polled), -1) < 0 && errno != EINTR)
            return EX_OSERR;
        if (polled[0].revents)
            return EX_OK; /* the supervisor has closed it */
        if (polled[1].revents & POLLIN)
            serve(metrics, proxy, listening);
    }
}
