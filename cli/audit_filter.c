/* SPDX-License-Identifier: Apache-2.0 */
/* audit_filter.c - which records are wanted. */
#include "cli/audit_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proto/audit_record.h"

/* ---------------------------------------------------------------------------------------------------- times */

static bool parse_ago(const char *text, uint64_t now_us, uint64_t *ret_us)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || !*end || end[1] || number > 100000)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        uint64_t ago_us = number * units[i].seconds * 1000000;

        if (*end != units[i].letter)
            continue;
        *ret_us = ago_us < now_us ? now_us - ago_us : 0;
        return true;
    }
    return false;
}

int audit_time_parse(const char *text, uint64_t now_us, uint64_t *ret_us)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
                                         "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M" };

    if (parse_ago(text, now_us, ret_us))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct tm utc = { 0 };
        const char *end = strptime(text, forms[i], &utc);

        if (!end || *end || utc.tm_year < 70)
            continue;
        *ret_us = (uint64_t)timegm(&utc) * 1000000;
        return 0;
    }
    return -EINVAL;
}

static enum cli_exit time_option(struct cli *cli, const char *name, uint64_t *ret_us)
{
    const char *text = cli_option(cli, name);
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (!text || audit_time_parse(text, (uint64_t)now.tv_sec * 1000000, ret_us) == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, NULL,
                    "--%s takes 2026-11-21, 2026-11-21T20:15 (UTC), or 90m, 12h, 7d; not \"%s\"", name, text);
}

/* --------------------------------------------------------------------------------------------------- filter */

enum cli_exit audit_filter_init(struct audit_filter *filter, struct cli *cli)
{
    enum cli_exit status;

    *filter = (struct audit_filter){ .cli = cli };
    status = time_option(cli, "since", &filter->since_us);
    if (status == CLI_DONE)
        status = time_option(cli, "until", &filter->until_us);
    return status == CLI_DONE ? cli_option_number(cli, "signer", -1, 0, 100000, &filter->signer) : status;
}

bool audit_filter_wants_log(const struct audit_filter *filter, const struct audit_log *log)
{
    const char *proxy = cli_option(filter->cli, "proxy");

    return (!proxy || strcmp(proxy, log->name.proxy) == 0) &&
           (filter->signer < 0 || (unsigned long)filter->signer == log->name.signer);
}

/* Options that a member must be equal to. */
static const struct {
    const char *option, *member;
} equals[] = {
    { "user", "token" },
    { "event", "event" },
    { "result", "result" },
    { "principal", "principal" },
};

static bool is_equal(const json_t *record, const char *member, const char *wanted)
{
    const char *text = json_string_value(json_object_get(record, member));

    return text && strcmp(text, wanted) == 0;
}

static bool has_key(const json_t *record, const char *wanted)
{
    const char *key = json_string_value(json_object_get(record, "key"));

    return !wanted || (key && strncasecmp(key, wanted, strlen(wanted)) == 0);
}

bool audit_filter_wants(const struct audit_filter *filter, const json_t *record)
{
    uint64_t time_us = (uint64_t)json_integer_value(json_object_get(record, "time_us"));
    const char *request = cli_option(filter->cli, "request");

    if (time_us < filter->since_us || (filter->until_us && time_us > filter->until_us))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(equals); i++) {
        const char *wanted = cli_option(filter->cli, equals[i].option);

        if (wanted && !is_equal(record, equals[i].member, wanted))
            return false;
    }
    if (request && !is_equal(record, "request_id", request) &&
        !is_equal(record, "client_request_id", request) && !is_equal(record, "trace_id", request))
        return false;
    return has_key(record, cli_option(filter->cli, "key"));
}

/* ----------------------------------------------------------------------------------------------------- start */

/* The first line that a walk meets: when it was written, and its number. */
struct glimpse {
    uint64_t sequence, time_us;
};

static enum cli_exit glimpse_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                  void *argument)
{
    CLEANUP(json_decref) json_t *record = json_loadb((const char *)line.data, line.len, 0, NULL);
    struct glimpse *glimpse = argument;

    (void)cli, (void)log;
    glimpse->sequence = audit_line_sequence(line);
    glimpse->time_us = (uint64_t)json_integer_value(json_object_get(record, "time_us"));
    return CLI_DONE;
}

/* Records are in the order of their time, but for a clock that was set back: then some too many are looked at. */
enum cli_exit audit_filter_start(const struct audit_filter *filter, struct cli *cli,
                                 const struct audit_log *log, uint64_t *ret)
{
    uint64_t low = 1, high = log->head_sequence + 1;

    while (filter->since_us && low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct glimpse glimpse = { 0 };
        enum cli_exit status = audit_log_peek(cli, log, middle, glimpse_line, &glimpse);

        if (status != CLI_DONE)
            return status;
        if (glimpse.sequence && glimpse.time_us < filter->since_us)
            low = glimpse.sequence + 1;
        else
            high = middle;
    }
    *ret = low;
    return CLI_DONE;
}
