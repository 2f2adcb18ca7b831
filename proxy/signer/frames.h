/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - frames to and from whichever front is there: a 4-byte big-endian length, then that many bytes.
 *
 * A front may die in the middle of a frame, or be a hostile one. Either costs the stream, never the signer: a wrong
 * length, an end, an error, or ten seconds in which the front takes no byte close it, and the next one starts clean.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "include/cleanup.h"

struct frames {
    int fd;           /* -1: no front now */
    struct buffer in; /* read, from @taken on not yet served */
    size_t taken;
    struct buffer out; /* answers of this round */
    size_t begun;      /* where the one that is being written begins */
    size_t sent;       /* so much of @out has left already */
};

/* Answers that were laid aside. */
struct frames_aside {
    struct buffer out;
    size_t begun;
};

#define FRAMES_NONE ((struct frames){ .fd = -1 })

/* Takes @fd, a connected stream socket; the former one is closed with whatever was half read from it. */
void frames_replace(struct frames *frames, int fd);
void frames_clear(struct frames *frames);
DEFINE_CLEAR(frames_clear, struct frames);
/* Reads what is there, without waiting. */
void frames_fill(struct frames *frames);
/* Whether a whole frame waits; @ret lends its content until the next frames_fill(). */
bool frames_next(struct frames *frames, struct bytes *ret);
/* Room for one more answer; the caller appends its content to frames->out, and ends it. */
size_t frames_begin(struct frames *frames);
void frames_end(struct frames *frames, size_t start);
/* Writes the answers of this round. */
void frames_flush(struct frames *frames);
/*
 * In the midst of writing an answer: others go first. What is finished leaves; what is not stays where its writer has it
 * until frames_take_back(), also when the front is lost in between.
 */
void frames_lay_aside(struct frames *frames, struct frames_aside *ret);
void frames_take_back(struct frames *frames, const struct frames_aside *aside);
