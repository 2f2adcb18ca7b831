/* SPDX-License-Identifier: Apache-2.0 */
/* audit_filter.h - which records are wanted: the options that `audit show` and `audit export` share. */
#pragma once

#include <jansson.h>

#include "cli/audit_log.h"
#include "cli/cli.h"

#define AUDIT_FILTER_OPTIONS                                                                                 \
    { "user", "USER", "only this token's" },                                                                 \
        { "event", "NAME", "only this event: sign, unlock, pin.set ..." },                                   \
        { "result", "WORD", "only this result: OK, PIN_INCORRECT ..." },                                     \
        { "principal", "NAME", "only what this principal did" },                                             \
        { "key", "HEX", "only this key: its name's beginning" },                                             \
        { "request", "ID", "only this request, by the server's id or the application's" },                   \
        { "since", "TIME", "from then on: 2026-11-21, 2026-11-21T20:15, or 90m, 12h, 7d ago" },              \
        { "until", "TIME", "up to then" }, { "proxy", "NAME", "only this proxy's logs" },                    \
    {                                                                                                        \
        "signer", "N", "only this signer's logs"                                                             \
    }

struct audit_filter {
    const struct cli *cli;
    uint64_t since_us, until_us; /* until 0: no end */
    long signer;                 /* -1: any */
};

MUST_CHECK enum cli_exit audit_filter_init(struct audit_filter *filter, struct cli *cli);
bool audit_filter_wants_log(const struct audit_filter *filter, const struct audit_log *log);
bool audit_filter_wants(const struct audit_filter *filter, const json_t *record);
/* The record of @log to begin with: the first at or after --since, found by halving. */
MUST_CHECK enum cli_exit audit_filter_start(const struct audit_filter *filter, struct cli *cli,
                                            const struct audit_log *log, uint64_t *ret);
/* "2026-11-21", "2026-11-21T20:15:00" (UTC), or "90m", "12h", "7d" before @now. Errors: -EINVAL. */
MUST_CHECK int audit_time_parse(const char *text, uint64_t now_us, uint64_t *ret_us);
