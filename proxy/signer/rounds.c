/* SPDX-License-Identifier: Apache-2.0 */
/* rounds.c - when a round ends, and what is served in the middle of one. */
#include "proxy/signer/rounds.h"

#include <poll.h>
#include <string.h>

#include "include/log.h"
#include "proxy/metrics/pulse.h"
#include "proxy/signer/dispatch.h"
#include "proxy/signer/record.h"

#define ROUND_MAX     16 /* requests whose records share one fdatasync, and that are answered in one write */
#define ROUND_US      4000 /* others are not waited for longer: who has an answer can ask for the next */
#define ROUND_SYNC_US 8000 /* the same, where a round costs an fdatasync */

typedef void dispatch_function(struct service *service, struct bytes envelope, struct buffer *ret);

/* Whether what was answered since @begun_us should leave before more is served. */
static bool is_round_over(const struct signer *signer, unsigned served, int64_t begun_us)
{
    int64_t most_us = signer->config->audit_write ? ROUND_US : ROUND_SYNC_US;

    return served == ROUND_MAX || (served && record_clock_us() - begun_us > most_us);
}

/*
 * Answers a few requests with one flush of the audit log. When that fails nobody knows what is on the disk: no answer
 * leaves, and the next signer starts from what it finds. False: leave.
 */
static bool serve_round(struct signer *signer, struct frames *frames, dispatch_function *dispatch_it,
                        unsigned *ret_served)
{
    int64_t begun_us = record_clock_us();
    struct bytes frame;
    int r;

    for (*ret_served = 0; !is_round_over(signer, *ret_served, begun_us) && frames_next(frames, &frame);
         (*ret_served)++) {
        size_t start = frames_begin(frames);

        dispatch_it(&signer->service, frame, &frames->out);
        frames_end(frames, start);
    }
    if (*ret_served == 0)
        return true;
    pulse_beat(signer->pulse, PULSE_DISK_MS);
    r = audit_flush(signer->audit);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "audit.failed", "what=\"cannot make records durable\" why=\"%s\"",
                  strerror(-r));
        return false;
    }
    frames_flush(frames);
    return true;
}

bool rounds_serve(struct signer *signer)
{
    struct frames *stream;
    unsigned served;

    for (EACH_FRONT(stream, &signer->fronts))
        do {
            if (!serve_round(signer, stream, dispatch, &served))
                return false;
        } while (served);
    return true;
}

/*
 * Perhaps in the midst of a round, whose unfinished answer is laid aside; nothing leaves before its record is written.
 * When that fails the log stays broken, which ends the round that waits.
 */
static void serve_aside(struct signer *signer, struct frames *stream)
{
    struct frames_aside aside;
    unsigned served = 1;

    if (stream->fd < 0 || audit_flush(signer->audit) < 0)
        return;
    frames_lay_aside(stream, &aside);
    while (served && serve_round(signer, stream, dispatch_meanwhile, &served))
        continue;
    frames_take_back(stream, &aside);
}

static int serve_until(struct signer *signer, struct pollfd *awaited, int64_t until_us)
{
    for (;;) {
        struct pollfd polled[1 + FRONTS_MAX] = { *awaited };
        struct frames *stream;
        int64_t left_us;
        int ready;

        for (EACH_FRONT(stream, &signer->fronts))
            serve_aside(signer, stream);
        pulse_beat(signer->pulse, PULSE_PATIENCE_MS); /* it is the database that is silent */
        left_us = until_us - record_clock_us();
        if (left_us <= 0)
            return poll(awaited, 1, 0);
        for (unsigned i = 0; i < FRONTS_MAX; i++)
            polled[1 + i] = (struct pollfd){ .fd = signer->fronts.streams[i].fd, .events = POLLIN };
        ready =
            poll(polled, 1 + FRONTS_MAX, left_us < PULSE_MS * 1000 ? (int)(left_us / 1000) + 1 : PULSE_MS);
        if (ready < 0 || polled[0].revents)
            return ready;
        for (unsigned i = 0; i < FRONTS_MAX; i++)
            if (polled[1 + i].revents)
                frames_fill(&signer->fronts.streams[i]);
    }
}

int rounds_meanwhile(void *arg, int fd, short events, int timeout_ms)
{
    struct signer *signer = arg;
    struct pollfd awaited = { .fd = fd, .events = events };
    uint64_t patience_ms = signer->pulse ? pulse_patience_ms(signer->pulse) : 0;
    int ready;

    leases_hold(signer->service.leases, true);
    ready = serve_until(signer, &awaited, record_clock_us() + (int64_t)timeout_ms * 1000);
    leases_hold(signer->service.leases, false);
    pulse_beat(signer->pulse, patience_ms); /* the call that waits is given its own time again */
    return ready;
}
