/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - frames to and from whichever front is there: a 4-byte big-endian length, then that many bytes.
 *
 * A front may die in the middle of a frame, or be a hostile one. Either costs the stream, never the signer: a wrong
 * length, an end, an error, or ten seconds in which the front takes no byte close it, and the next one starts clean.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "include/cleanup.h"

struct stream {
    int fd;           /* -1: no front now */
    struct buffer in; /* read, from @taken on not yet served */
    size_t taken;
    struct buffer out; /* answers of this round */
};

#define STREAM_NONE ((struct stream){ .fd = -1 })

/* Takes @fd, a connected stream socket; the former one is closed with whatever was half read from it. */
void stream_replace(struct stream *stream, int fd);
void stream_clear(struct stream *stream);
DEFINE_CLEAR(stream_clear, struct stream);
/* Reads what is there, without waiting. */
void stream_fill(struct stream *stream);
/* Whether a whole frame waits; @ret lends its content until the next stream_fill(). */
bool stream_next(struct stream *stream, struct bytes *ret);
/* Room for one more answer; the caller appends its content to stream->out, and ends it. */
size_t stream_begin(struct stream *stream);
void stream_end(struct stream *stream, size_t start);
/* Writes the answers of this round. */
void stream_flush(struct stream *stream);
