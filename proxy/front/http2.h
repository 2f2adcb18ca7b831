/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2.h - nghttp2 set up for the front: its limits, and the callbacks that hand frames to streams.
 *
 * nghttp2 itself answers floods (PING, SETTINGS, resets, CONTINUATION) and malformed frames.
 */
#pragma once

#include "proxy/front/connection.h"

/* Once for all sessions: front->callbacks and front->options. Errors: -ENOMEM. */
MUST_CHECK int http2_init(struct front *front);
void http2_clear(struct front *front);
/* A server session on @connection, with our SETTINGS queued. Errors: -ENOMEM. */
MUST_CHECK int http2_session_new(struct connection *connection);
