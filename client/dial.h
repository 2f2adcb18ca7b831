/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial.h - from addresses to a connected socket, in the calling thread, under a deadline.
 *
 * Several addresses are tried as RFC 8305 5 (Connection Attempts) has it: a quarter of a second apart, or as soon as
 * the one before has failed; the first that answers is taken.
 */
#pragma once

#include <stdint.h>

#include "client/descriptors.h"
#include "include/cleanup.h"

/*
 * @addresses: "192.0.2.1,[2001:db8::1]"; @port: decimal. The socket does not block, is closed on exec, has keep-alive
 * and a limit on unacknowledged data, and stands in @descriptors.
 * Errors: -errno of the last address; -ETIMEDOUT, -EINVAL (an address that is none), -EMFILE.
 */
MUST_CHECK int dial(const char *addresses, const char *port, struct descriptors *descriptors,
                    int64_t deadline_ms, int *ret);
