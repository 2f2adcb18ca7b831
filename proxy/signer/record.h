/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - how a call ended: into the audit log where it belongs, and into the process's log. */
#pragma once

#include "proxy/signer/exchange.h"

/*
 * Appends the call's record, if the method and @reason ask for one, and gives the reason the caller is to hear:
 * @reason, or REASON_AUDIT when the record could not be written. Then the answer must not leave.
 */
MUST_CHECK enum reason record_end(struct exchange *exchange, enum reason reason);
/* CLOCK_MONOTONIC in microseconds. */
int64_t record_clock_us(void);
