/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.h - what the signers of all proxies said of themselves, told for each HSM of each proxy: for status and doctor. */
#pragma once

#include "cli/cli.h"

/*
 * A row for each HSM of each proxy: {proxy, hsm, state, signers, serving, silent_s, leases, version, model, note}.
 * state: "serves", "partly" (not all of its signers do), "ill" (the HSM answers no probes), "failed" (its signers do not
 * start; note says why), "silent" (nothing was heard of it for a while), "left" (shut down in order).
 */
json_t *fleet_rows(const Privyseal__V1__GetStatusResponse *reply);
/* What to do about a row; NULL: nothing is wrong with it. Static. */
const char *fleet_advice(const json_t *row);
