/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the process that faces the network: TLS 1.3, HTTP/2, gRPC framing, limits, routing. It holds no secret
 * but its TLS key, opens no file, no database and no HSM; a seccomp filter keeps it so.
 */
#pragma once

#include "proxy/config.h"

/*
 * Control messages from the supervisor over @control (SOCK_SEQPACKET, descriptors by SCM_RIGHTS):
 * a signer's new socket; new TLS material; drain. Listening sockets and TLS material come with the start.
 */
enum front_control_kind {
    FRONT_CONTROL_SIGNER = 1, /* index; one descriptor: replaces that signer's socket */
    FRONT_CONTROL_TLS = 2,    /* certificate chain, key and client CA as PEM, in a sealed memfd each */
    FRONT_CONTROL_DRAIN = 3,  /* stop accepting, GOAWAY, leave when the last stream is done */
    FRONT_CONTROL_LISTEN = 4, /* one descriptor: a listening socket */
};

struct front_control {
    uint32_t kind;
    uint32_t index;
};

int front_main(const struct proxy_config *config, int control);
