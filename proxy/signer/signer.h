/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the signer process: opens store, HSM, audit; proves the HSM; then reads request, dispatches, writes
 * reply until its control socket closes. Plain sequential code.
 *
 * The front comes and goes, the signer and its leases stay. So the signer is not given the front's socket but a
 * control socket from the supervisor (SOCK_SEQPACKET). Each message on it is one byte with descriptors (take it with
 * descriptor_receive()). A stream socket, whose other end a front holds; the former one is served beside it until its
 * front has closed it. EOF or an error on a stream only means that this front is gone. EOF on the control socket means
 * "leave": the signer tells the fronts to send no more, answers what they have sent, and ends.
 */
#pragma once

#include "proxy/config.h"
#include "proxy/metrics/metrics.h"
#include "proxy/metrics/pulse.h"

enum signer_control {
    SIGNER_CONTROL_STREAM = 0, /* one descriptor: the front's stream */
    SIGNER_CONTROL_RENEW = 1,  /* two: the front's certificate (PEM), and a pipe that takes the renewed one */
};

/*
 * Runs signer @index. Frames on the stream: 4-byte big-endian length (at most FRAME_MAX), then a serialized Envelope
 * or EnvelopeReply. Writes one byte to @ready_fd and closes it once it serves, so that the supervisor starts the next
 * and sends the first stream. SIGTERM, SIGINT and SIGHUP are ignored in a signer: EOF on @control ends it.
 * @herald: where notices go; -1: nowhere.
 * @pulse: where it says that it goes on, or NULL.
 * @metrics: the proxy's, or NULL. Returns an exit status (sysexits.h): 0 after EOF on @control, or when it is due
 * for recycling.
 */
int signer_main(const struct proxy_config *config, unsigned index, int control, int ready_fd, int herald,
                struct metrics *metrics, struct pulse *pulse);
