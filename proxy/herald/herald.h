/* SPDX-License-Identifier: Apache-2.0 */
/*
 * herald.h - the process that carries notices and one-time codes to users, by the operator's command or webhook.
 *
 * It runs foreign code and talks to foreign servers, so it has none of what is worth stealing: no HSM, no store, no
 * listening socket, a user of its own. Signers hand it messages (proto/notice.h) over a socket that the supervisor
 * made, and neither wait for it nor hear from it; what they send while it is being restarted waits in that socket.
 *
 * News are written to the spool before they are delivered and taken away afterwards, so each is delivered at least
 * once, in the order in which it succeeds. Codes stay in memory and are tried once.
 */
#pragma once

#include <stdbool.h>

#include "include/cleanup.h"
#include "proxy/config.h"

#define HERALD_SPOOL    "notices" /* below the state directory; the supervisor makes it */
#define HERALD_DRAIN_MS 3000      /* for deliveries that are under way when it is told to leave */

/* Does [notice] ask for one? */
bool herald_is_wanted(const struct proxy_config *config);
/* Can [notice] be meant? @why: a sentence, caller frees. Errors: -EINVAL, -errno. */
MUST_CHECK int herald_check(const struct proxy_config *config, char **why);
/* Delivers until @control is closed. @inbox: where messages come from, SOCK_SEQPACKET. Returns an exit status. */
int herald_main(const struct proxy_config *config, int control, int inbox);
