/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - from a host name to addresses, in the calling thread, under a deadline (c-ares).
 *
 * The C library's resolver knows no deadline, and its asynchronous form starts threads, which a guest must not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"

/* What needs no resolver, an address or "localhost" (RFC 6761 6.3): appends the addresses; false: it does need one. */
bool resolve_local(const char *host, struct buffer *ret);
/*
 * Appends the addresses of @host: "192.0.2.1,[2001:db8::1]".
 * /etc/hosts is read first, then DNS asked as resolv.conf says.
 * Errors: -ENOENT (no such host), -ETIMEDOUT, -EIO, -ENOMEM; @why gets c-ares' sentence (static).
 */
MUST_CHECK int resolve_host(const char *host, int64_t deadline_ms, struct buffer *ret, const char **why);
