/* SPDX-License-Identifier: Apache-2.0 */
/* fronts.c - who comes, who goes, and what is said on leaving. */
#include "proxy/signer/fronts.h"

#include <string.h>

#include "proto/envelope.pb-c.h"
#include "proto/pack.h"

void fronts_take(struct fronts *fronts, int fd)
{
    struct frames *oldest = &fronts->streams[FRONTS_MAX - 1];

    frames_clear(oldest);
    memmove(fronts->streams + 1, fronts->streams, (FRONTS_MAX - 1) * sizeof(*oldest));
    fronts->streams[0] = FRAMES_NONE;
    frames_replace(&fronts->streams[0], fd);
}

void fronts_clear(struct fronts *fronts)
{
    struct frames *stream;

    for (EACH_FRONT(stream, fronts))
        frames_clear(stream);
}

void fronts_say_goodbye(struct fronts *fronts)
{
    Privyseal__V1__EnvelopeReply goodbye = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;
    struct frames *stream;

    goodbye.leaving = true;
    for (EACH_FRONT(stream, fronts)) {
        size_t start;

        if (stream->fd < 0)
            continue;
        start = frames_begin(stream);
        if (pack_append(&goodbye.base, &stream->out) < 0)
            stream->out.failed = true; /* no memory: the flush drops the stream, which says the same */
        frames_end(stream, start);
        frames_flush(stream);
    }
}

bool fronts_are_gone(const struct fronts *fronts)
{
    const struct frames *stream;

    for (EACH_FRONT(stream, fronts))
        if (stream->fd >= 0)
            return false;
    return true;
}
