/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exporter.h - a process that answers GET /metrics, /healthz and /readyz over plain HTTP, one request a connection, one
 * connection at a time: for a collector on the same machine or network, not for the world. It holds nothing but the
 * shared numbers and its listening socket.
 */
#pragma once

#include "proxy/metrics/metrics.h"

#define EXPORTER_READY_S 10 /* a signer that was not heard of for so long is not ready */

/* Serves until @control is closed. Returns an exit status (sysexits.h). */
int exporter_main(const struct metrics *metrics, const char *proxy, int control, int listening);
/* The whole answer to a request whose first line is @line, appended: for tests too. */
void exporter_answer(const struct metrics *metrics, const char *proxy, const char *line, uint64_t now_unix,
                     struct buffer *ret);
