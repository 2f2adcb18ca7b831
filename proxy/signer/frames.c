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

static void frames_drop(struct frames *frames, const char *why)
{
    if (frames->fd < 0)
        return;
    if (why)
        log_event(LOG_LEVEL_NOTICE, "front.lost", "why=\"%s\"", why);
    frames_clear(frames);
}

void frames_replace(struct frames *frames, int fd)
{
    struct timeval patience = { .tv_sec = FRONT_PATIENCE_S };

    frames_clear(frames);
    frames->fd = fd;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
        frames_drop(frames, strerror(errno));
}

void frames_clear(struct frames *frames)
{
    if (frames->fd >= 0)
        close(frames->fd);
    buffer_clear(&frames->in);
    buffer_clear(&frames->out);
    *frames = FRAMES_NONE;
}

/* Moves what is left to the front, so that the buffer holds little more than one frame. */
static void compact(struct frames *frames)
{
    frames->in.len -= frames->taken;
    if (frames->taken && frames->in.len)
        memmove(frames->in.data, frames->in.data + frames->taken, frames->in.len);
    frames->taken = 0;
}

void frames_fill(struct frames *frames)
{
    uint8_t chunk[READ_LEN];
    ssize_t len;

    if (frames->fd < 0)
        return;
    len = recv(frames->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        frames_drop(frames, len < 0 ? strerror(errno) : "closed");
        return;
    }
    compact(frames);
    buffer_append(&frames->in, BYTES(chunk, (size_t)len));
    if (frames->in.failed)
        frames_drop(frames, "out of memory");
}

bool frames_next(struct frames *frames, struct bytes *ret)
{
    struct reader reader = reader_of(BYTES_NONE);
    uint32_t len;

    if (frames->in.len > frames->taken)
        reader = reader_of(BYTES(frames->in.data + frames->taken, frames->in.len - frames->taken));
    len = reader_u32(&reader);
    if (reader.failed)
        return false;
    if (len > FRAME_MAX) {
        frames_drop(frames, "frame too long");
        return false;
    }
    *ret = reader_run(&reader, len);
    if (reader.failed)
        return false;
    frames->taken += PREFIX_LEN + len;
    return true;
}

size_t frames_begin(struct frames *frames)
{
    frames->begun = frames->out.len;
    frames->out.limit = SIZE_MAX; /* a round's answers, each within its method's bound */
    buffer_append_u32(&frames->out, 0);
    return frames->begun;
}

void frames_end(struct frames *frames, size_t start)
{
    size_t len;

    if (frames->out.failed)
        return;
    len = frames->out.len - start - PREFIX_LEN;
    for (size_t i = 0; i < PREFIX_LEN; i++)
        frames->out.data[start + i] = (uint8_t)(len >> (24 - 8 * i));
    frames->begun = frames->out.len;
}

void frames_flush(struct frames *frames)
{
    if (frames->out.failed) {
        frames_drop(frames, "out of memory");
        return;
    }
    while (frames->fd >= 0 && frames->sent < frames->out.len) {
        ssize_t len =
            send(frames->fd, frames->out.data + frames->sent, frames->out.len - frames->sent, MSG_NOSIGNAL);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            frames_drop(frames, strerror(errno));
        else
            frames->sent += (size_t)len;
    }
    frames->out.len = frames->begun = frames->sent = 0;
}

void frames_lay_aside(struct frames *frames, struct frames_aside *ret)
{
    *ret = (struct frames_aside){ frames->out, frames->begun };
    frames->out = (struct buffer){ .limit = SIZE_MAX };
    if (ret->begun > frames->sent && !ret->out.failed)
        buffer_append(&frames->out, BYTES(ret->out.data + frames->sent, ret->begun - frames->sent));
    frames->sent = 0;
    frames_flush(frames);
}

void frames_take_back(struct frames *frames, const struct frames_aside *aside)
{
    buffer_clear(&frames->out);
    frames->out = aside->out;
    frames->begun = frames->sent = aside->begun;
}
