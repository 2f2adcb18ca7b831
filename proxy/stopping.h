/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stopping.h - the goal to stop: first the front, which answers what was begun; then the signers; then the herald, which
 * they may have told something until their end.
 */
#pragma once

#include "proxy/supervisor_state.h"

/* From serving on; the daemon's status will be @status. */
void stopping_begin(struct proxy *proxy, int status);
/* A step of each stage, after every event. Who takes too long is killed. */
void stopping_front(struct proxy *proxy);
void stopping_signers(struct proxy *proxy);
void stopping_herald(struct proxy *proxy);
void stopping_kill_all(struct proxy *proxy);
