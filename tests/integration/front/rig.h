/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a real front in a process of its own, between stub signers and the test, which plays the supervisor.
 *
 *     struct rig rig;
 *     rig_init(&rig);             certificates, and a configuration that may still be changed
 *     rig_start(&rig);            the front serves on rig.port
 *     rig_stop(&rig);             the front must leave in good order
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "proxy/config.h"
#include "proxy/front/front.h"
#include "tests/integration/front/authority.h"

#define RIG_SIGNERS_MAX 4

struct rig {
    struct proxy_config config;
    struct authority authority, stranger;
    EVP_PKEY *server_key;
    X509 *server_certificate;
    pid_t front;
    int control, listener; /* the supervisor's ends */
    uint16_t port;
    pid_t signers[RIG_SIGNERS_MAX]; /* 0: none */
};

void rig_init(struct rig *rig);
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig);

/* A new stub signer in the place of @index. */
void rig_attach(struct rig *rig, unsigned index);
void rig_kill_signer(struct rig *rig, unsigned index);
/* A new server certificate, handed over as SIGHUP would. */
void rig_reload(struct rig *rig);
void rig_tell(struct rig *rig, enum front_control_kind kind, unsigned index, const int *descriptors,
              size_t count);
/* The next message of the front, within a few seconds. */
struct front_control rig_hear(struct rig *rig);
/* Waits for the front to leave by itself. Returns its status, as waitpid(2) gives it. */
int rig_wait(struct rig *rig);
