/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_renewal.h - the front's certificate, renewed by the authority in the HSM when two thirds of its life have passed.
 *
 * The supervisor gives a signer the certificate (not the key) and a pipe; what comes out of the pipe is the new chain,
 * which takes the file's place in one rename, and is then loaded as after SIGHUP: connections that are there stay.
 */
#pragma once

#include "proxy/crew.h"

struct server_renewal {
    int pipe;             /* the answer comes here; -1: none is awaited */
    uint64_t look_at_ms;  /* the next time the certificate's age is looked at */
    struct buffer answer; /* as far as it has come */
};

#define SERVER_RENEWAL_NONE ((struct server_renewal){ .pipe = -1 })

/* Asks, if it is time to look, if it is due, and if a signer is up. @now_ms: crew_now_ms(). */
void server_renewal_pursue(struct server_renewal *renewal, struct crew *crew, uint64_t now_ms);
/* Something is in the pipe. True: there is a new certificate in the file. */
bool server_renewal_hear(struct server_renewal *renewal, const struct proxy_config *config);
void server_renewal_clear(struct server_renewal *renewal);
/* How long until the next look; at most INT_MAX. */
int server_renewal_wait_ms(const struct server_renewal *renewal, uint64_t now_ms);
