/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry.h - telling users, through the operator's hook, that a signing certificate comes to its end.
 *
 * A signer does it in its idle time, without anybody's login. Each certificate and threshold is told once, by whichever
 * signer of whichever proxy comes first.
 */
#pragma once

#include "proxy/service/service.h"

/* To be called now and then, outside of a transaction: looks once an hour, tells a bounded number. Failures are logged. */
void expiry_tick(struct service *service, int64_t now_ms);
