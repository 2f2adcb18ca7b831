/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - from a host name to addresses, in the calling thread, under a deadline (c-ares).
 *
 * libcurl as Debian builds it starts a thread for every name; a module inside somebody else's process starts none.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"

/* Whether libcurl needs no resolver for it: an address, or "localhost". */
bool resolve_is_local(const char *host);
/*
 * Appends the addresses of @host as CURLOPT_RESOLVE wants them: "192.0.2.1,[2001:db8::1]".
 * /etc/hosts is read first, then DNS asked as resolv.conf says.
 * Errors: -ENOENT (no such host), -ETIMEDOUT, -EIO, -ENOMEM; @why gets c-ares' sentence (static).
 */
MUST_CHECK int resolve_host(const char *host, int64_t deadline_ms, struct buffer *ret, const char **why);
