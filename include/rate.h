/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - a token bucket for everybody who is counted (a certificate, an address, a token), in a table of fixed size.
 *
 * A bucket that has filled up again says the same as no bucket, so it may be forgotten; only when more of them
 * are busy at once than a neighbourhood of the table holds, the fullest is forgotten early, which is generous to
 * that one and never unjust to another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/cleanup.h"

#define RATE_BURST_S 2 /* a full bucket holds what flows in two seconds */

/*
 * One bucket, kept as one moment: when it will be full again. @full_ns starts as 0; one token flows in every @token_ns
 * and @burst_ns worth of them fit in. Takes a token, if there is one, at @now_ns (a monotonic clock).
 */
MUST_CHECK bool rate_bucket_take(uint64_t *full_ns, uint64_t token_ns, uint64_t burst_ns, uint64_t now_ns);

struct rate_table;

/* @per_second > 0. Errors: -ENOMEM. */
MUST_CHECK int rate_new(unsigned per_second, struct rate_table **ret);
void rate_free(struct rate_table *table);
DEFINE_CLEANUP(rate_free, struct rate_table *);
/* May whoever is counted under @key do one thing more at @now_ns? Takes a token if so. */
MUST_CHECK bool rate_take(struct rate_table *table, uint64_t key, uint64_t now_ns);

/*
 * For what is paid afterwards, as nobody knows before how long it takes: what @key still owes at @now_ns, and @cost_ns
 * more of it. It is paid off as time passes.
 */
uint64_t rate_owed(struct rate_table *table, uint64_t key, uint64_t now_ns);
void rate_owe(struct rate_table *table, uint64_t key, uint64_t cost_ns, uint64_t now_ns);
