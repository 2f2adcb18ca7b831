/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.c - two buffers around a socket. Answers are gathered, so that a round costs one write.
 */
#include "proxy/signer/frames.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "include/log.h"
#include "proto/limits.h"

#define PREFIX_LEN       4
#define READ_LEN         ((size_t)64 * 1024)
#define FRONT_PATIENCE_S 10 /* a front that takes nothing for so long is no front */

static void stream_drop(struct frames *stream, const char *why)
{
    if (stream->fd < 0)
        return;
    if (why)
        log_event(LOG_LEVEL_NOTICE, "front.lost", "why=\"%s\"", why);
    frames_clear(stream);
}

void frames_replace(struct frames *stream, int fd)
{
    struct timeval patience = { .tv_sec = FRONT_PATIENCE_S };

    frames_clear(stream);
    stream->fd = fd;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
        stream_drop(stream, strerror(errno));
}

void frames_clear(struct frames *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    buffer_clear(&stream->in);
    buffer_clear(&stream->out);
    *stream = FRAMES_NONE;
}

/* Moves what is left to the front, so that the buffer holds little more than one frame. */
static void compact(struct frames *stream)
{
    stream->in.len -= stream->taken;
    if (stream->taken && stream->in.len)
        memmove(stream->in.data, stream->in.data + stream->taken, stream->in.len);
    stream->taken = 0;
}

void frames_fill(struct frames *stream)
{
    uint8_t chunk[READ_LEN];
    ssize_t len;

    if (stream->fd < 0)
        return;
    len = recv(stream->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        stream_drop(stream, len < 0 ? strerror(errno) : "closed");
        return;
    }
    compact(stream);
    buffer_append(&stream->in, BYTES(chunk, (size_t)len));
    if (stream->in.failed)
        stream_drop(stream, "out of memory");
}

bool frames_next(struct frames *stream, struct bytes *ret)
{
    struct reader reader = reader_of(BYTES_NONE);
    uint32_t len;

    if (stream->in.len > stream->taken)
        reader = reader_of(BYTES(stream->in.data + stream->taken, stream->in.len - stream->taken));
    len = reader_u32(&reader);
    if (reader.failed)
        return false;
    if (len > FRAME_MAX) {
        stream_drop(stream, "frame too long");
        return false;
    }
    *ret = reader_run(&reader, len);
    if (reader.failed)
        return false;
    stream->taken += PREFIX_LEN + len;
    return true;
}

size_t frames_begin(struct frames *stream)
{
    size_t start = stream->out.len;

    stream->out.limit = SIZE_MAX; /* a round's answers, each within its method's bound */
    buffer_append_u32(&stream->out, 0);
    return start;
}

void frames_end(struct frames *stream, size_t start)
{
    size_t len;

    if (stream->out.failed)
        return;
    len = stream->out.len - start - PREFIX_LEN;
    for (size_t i = 0; i < PREFIX_LEN; i++)
        stream->out.data[start + i] = (uint8_t)(len >> (24 - 8 * i));
}

void frames_flush(struct frames *stream)
{
    size_t done = 0;

    if (stream->out.failed) {
        stream_drop(stream, "out of memory");
        return;
    }
    while (stream->fd >= 0 && done < stream->out.len) {
        ssize_t len = send(stream->fd, stream->out.data + done, stream->out.len - done, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            stream_drop(stream, strerror(errno));
        else
            done += (size_t)len;
    }
    stream->out.len = 0;
}
