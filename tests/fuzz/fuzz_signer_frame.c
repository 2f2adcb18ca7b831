/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_signer_frame.c - the stream between front and signer, at both ends, neither of which believes the other: replies as
 * the front reads them, envelopes as a signer does, in one piece and in two.
 */
#include "proxy/front/signer_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "include/log.h"
#include "include/table.h"
#include "proto/limits.h"
#include "proxy/signer/frames.h"
#include "tests/fuzz/fuzz.h"

#define PREFIX_LEN 4

static void read_replies(struct bytes stream)
{
    for (;;) {
        Privyseal__V1__EnvelopeReply *reply = NULL;
        struct bytes rest = stream;
        int r = signer_frame_read(&rest, &reply);

        if (r < 0) {
            fuzz_require((r == -EAGAIN || r == -EBADMSG) && !reply && rest.len == stream.len);
            return;
        }
        fuzz_require(rest.len + PREFIX_LEN <= stream.len && rest.data + rest.len == stream.data + stream.len);
        privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
        stream = rest;
    }
}

/* What a signer has of a stream: the number of its frames and of their bytes. */
struct taken {
    size_t frames, len;
};

static void take(struct frames *frames, struct taken *ret)
{
    struct bytes frame;

    frames_fill(frames);
    while (frames_next(frames, &frame)) {
        Privyseal__V1__Envelope *envelope = privyseal__v1__envelope__unpack(NULL, frame.len, frame.data);

        fuzz_require(frame.len <= FRAME_MAX);
        privyseal__v1__envelope__free_unpacked(envelope, NULL);
        ret->frames++;
        ret->len += frame.len;
    }
}

/* The stream comes in two pieces; the first has @cut bytes. */
static struct taken read_envelopes(struct bytes stream, size_t cut)
{
    CLEANUP(frames_clear) struct frames frames = FRAMES_NONE;
    const struct bytes pieces[] = { BYTES(stream.data, cut), BYTES(stream.data + cut, stream.len - cut) };
    struct taken taken = { 0 };
    int ends[2];

    fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    frames_replace(&frames, ends[0]);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        /* A front that is gone for the signer gets an error: that is its affair. */
        (void)!send(ends[1], pieces[i].data, pieces[i].len, MSG_NOSIGNAL);
        take(&frames, &taken);
    }
    close(ends[1]);
    return taken;
}

/* What the front writes, the signer reads as the same. */
static void write_and_read(struct bytes message)
{
    Privyseal__V1__Envelope *envelope = privyseal__v1__envelope__unpack(NULL, message.len, message.data);
    CLEANUP(buffer_clear) struct buffer written = { 0 };
    struct taken taken;

    if (!envelope)
        return;
    fuzz_require(signer_frame_write(&written, envelope) == 0);
    taken = read_envelopes(buffer_bytes(&written), written.len / 2);
    fuzz_require(taken.frames == 1 && taken.len == written.len - PREFIX_LEN);
    privyseal__v1__envelope__free_unpacked(envelope, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes stream = BYTES(data, size);
    struct taken whole, cut;

    if (size == 0)
        return 0;
    log_open("fuzz", LOG_LEVEL_ERROR); /* a lost front is only a notice */
    read_replies(stream);
    whole = read_envelopes(stream, size);
    cut = read_envelopes(stream, data[0] % size);
    fuzz_require(whole.frames == cut.frames && whole.len == cut.len);
    write_and_read(stream);
    if (size > PREFIX_LEN)
        write_and_read(BYTES(data + PREFIX_LEN, size - PREFIX_LEN));
    return 0;
}
