/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm_up.h - after an unlock, while nothing else is to be done, the token's keys are made ready: who unlocks is about to
 * sign, and unwrapping a key takes the HSM longer than the signature.
 *
 * Nothing rests on it: a key that was not made ready is when it is first used. Only the latest unlock counts, a few of
 * its keys, and those only that sign without asking for the PIN each time; nobody's key in use makes room for them.
 */
#pragma once

#include "proxy/service/service.h"

/* @lease was just made. */
void warm_up_begin(struct service *service, const struct lease *lease);
bool warm_up_is_due(const struct service *service);
/* Makes one key ready. */
void warm_up_step(struct service *service, int64_t now_ms);
