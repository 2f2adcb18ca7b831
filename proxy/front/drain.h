/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.h - leaving without losing a call.
 *
 * No new connection; a GOAWAY that names no last stream, so that requests on their way still count; DRAIN_NOTICE_MS
 * later the one that does (RFC 9113 6.8). The front leaves with its last connection, after FRONT_DRAIN_MS in any case.
 */
#pragma once

#include "proxy/front/context.h"

void drain_start(struct front *front);
void drain_stop(struct front *front); /* frees its timer */
