/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serving.h - the goal to serve: the herald, signers one after the other, then the front; and whoever is to be replaced
 * without a client's noticing.
 */
#pragma once

#include "proxy/supervisor_state.h"

/* A step further, after every event. */
void serving_pursue(struct proxy *proxy);
/* Nobody to start, to stop or to wait for: only an event changes anything. */
bool serving_is_at_rest(const struct proxy *proxy);
/* The signer of this HSM that is being started; NULL: none is. */
struct child *serving_starting(struct crew *crew, unsigned hsm);
/* @child, whose end waitpid(2) gave as @status, came to its end before clients were served once. */
void serving_start_failed(struct proxy *proxy, const struct child *child, int status);
