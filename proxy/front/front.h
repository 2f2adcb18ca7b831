/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the process that faces the network: TLS 1.3, HTTP/2, gRPC framing, limits, routing. It holds no secret
 * but its TLS key, opens no file, no database and no HSM; a seccomp filter keeps it so.
 */
#pragma once

#include <stdint.h>

#include "proxy/config.h"
#include "proxy/front/tls.h"
#include "proxy/metrics/metrics.h"
#include "proxy/metrics/pulse.h"

/*
 * Messages on @control (SOCK_SEQPACKET, descriptors by SCM_RIGHTS; include/descriptor.h). From the supervisor:
 * TLS material first, then signers' sockets and listening sockets, in any order and at any time.
 */
enum front_control_kind {
    FRONT_CONTROL_SIGNER = 1, /* index; one descriptor: replaces that signer's socket */
    FRONT_CONTROL_TLS = 2,    /* certificate chain, key and client CA as PEM, in a sealed memfd each */
    FRONT_CONTROL_DRAIN =
        3, /* stop accepting, GOAWAY, leave when the last stream is done, or FRONT_DRAIN_MS on */
    FRONT_CONTROL_LISTEN_HTTP = 16, /* one descriptor: where lists and OCSP are asked for over plain HTTP */
    FRONT_CONTROL_LISTEN = 4,       /* one descriptor: a listening socket; index: enum front_listener */
    /* From the front: */
    FRONT_CONTROL_READY = 5,  /* it has TLS material and a listening socket, and is in its sandbox */
    FRONT_CONTROL_BROKEN = 6, /* index: that signer sends nonsense or hangs; give me another */
};

/* Numbered as enum socket_purpose (proxy/sockets.h). */
enum front_listener {
    FRONT_LISTENER_SERVE = 0,     /* clients with a certificate */
    FRONT_LISTENER_ENROLMENT = 1, /* clients without: enrolment and nothing else */
};

struct front_control {
    uint32_t kind;
    uint32_t index;
};

#define FRONT_DRAIN_MS 10000

/*
 * @metrics: where it says how it is; NULL: nobody asks. @pulse: that it goes on; NULL: nobody listens. Runs until it
 * has drained or @control is closed. Returns an exit status (sysexits.h).
 */
int front_main(const struct proxy_config *config, int control, struct metrics_front *metrics,
               struct pulse *pulse);

/* Descriptors the front needs for max_connections of them. */
uint64_t front_descriptors(const struct proxy_config *config);
