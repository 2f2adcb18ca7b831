/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_read.h - a proxy's numbers out of Prometheus' text format, and what they mean between two moments. */
#pragma once

#include <jansson.h>

#include "include/bytes.h"
#include "proto/log_name.h"

#define METRICS_SIGNERS_MAX 257
#define METRICS_BOUNDS_MAX  32

struct metrics_reading {
    char proxy[PROXY_NAME_MAX + 1];
    uint64_t at_ms;
    double requests, refused; /* so far */
    double connections;
    unsigned hsms, hsms_up;
    unsigned signers;
    struct {
        double busy_s, leases, lag, seen_unix;
        bool hsm_up;
    } signer[METRICS_SIGNERS_MAX];
    unsigned bounds; /* of the histogram of whole requests, all signers together */
    struct {
        double le, count;
    } bound[METRICS_BOUNDS_MAX];
};

void metrics_read(struct bytes text, struct metrics_reading *ret);
/* The bound below which the share @quantile of the requests between the two readings ended, in ms; 0: there were none. */
double metrics_quantile(const struct metrics_reading *before, const struct metrics_reading *now,
                        double quantile);
/* One proxy as `privyseal top` shows it. */
json_t *metrics_row(const struct metrics_reading *before, const struct metrics_reading *now);
