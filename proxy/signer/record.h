/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - how a call ended: into the audit log where it belongs, the process's log, and the numbers. */
#pragma once

#include "proxy/signer/exchange.h"

/*
 * Adds the call's record to the log, if the method and @reason ask for one, and gives the reason the caller is to hear:
 * @reason, or REASON_AUDIT when there is no room for the record. No answer may leave before audit_flush().
 */
MUST_CHECK enum reason record_end(struct exchange *exchange, enum reason reason);
/* Into the numbers that everybody may read: how it ended, and where its time went. */
void record_count(const struct exchange *exchange, enum reason reason);
/* CLOCK_MONOTONIC in microseconds. */
int64_t record_clock_us(void);
