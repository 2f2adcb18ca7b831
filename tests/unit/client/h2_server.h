/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h2_server.h - a gRPC-shaped server on the loopback that misbehaves on command: nghttp2 and OpenSSL, a process for
 * each connection. Commands and counters stand in memory that the test shares with it.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/limits.h"
#include "tests/unit/client/throwaway_ca.h"

enum h2_behaviour {
    H2_ECHO,     /* the request's message comes back */
    H2_REFUSE,   /* grpc-status 7 and a message, without a body */
    H2_HANG,     /* no answer */
    H2_HANG_OLD, /* no answer on connections that have answered before, as if a firewall had forgotten them */
    H2_FREEZE_OLD, /* connections that have answered before do nothing any more, not even for HTTP/2 itself */
    H2_CLOSE,      /* the connection ends once the request is there */
    H2_CLOSE_AFTER,   /* ... once the answer is sent */
    H2_GOAWAY_AFTER,  /* the answer, and GOAWAY */
    H2_REFUSE_STREAM, /* RST_STREAM(REFUSED_STREAM), the next time H2_ECHO */
    H2_TOO_MUCH,      /* a message of a megabyte and more */
};

struct h2_shared {
    _Atomic enum h2_behaviour behaviour;
    atomic_uint connections, requests, ended; /* ended: connections that the server took leave of */
    uint8_t peer[HASH_LEN];                   /* SHA-256 of the last client certificate */
};

struct h2_server {
    struct h2_shared *shared;
    uint16_t port;
    pid_t pid;
};

/* Clients need a certificate of @root. */
struct h2_server h2_server_start(const struct throwaway *own, const struct throwaway *root);
void h2_server_stop(struct h2_server *server);
