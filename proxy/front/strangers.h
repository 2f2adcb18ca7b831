/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strangers.h - what clients without a certificate may ask of us: so many connections at once; so many connections and
 * calls a second from one address, and from all together. A handshake costs as much as a call, so it counts as one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/cleanup.h"
#include "proxy/config.h"

struct strangers;

/* Errors: -ENOMEM. */
MUST_CHECK int strangers_new(const struct proxy_config *config, struct strangers **ret);
void strangers_free(struct strangers *strangers);

/* One more connection of @address (address_key()), at @now_ns (monotonic)? One that enters leaves some day. */
MUST_CHECK bool strangers_enter(struct strangers *strangers, uint64_t address, uint64_t now_ns);
void strangers_leave(struct strangers *strangers);
/* One more call? */
MUST_CHECK bool strangers_may_call(struct strangers *strangers, uint64_t address, uint64_t now_ns);
