/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_top.c - top: what the fleet does now. Every endpoint's numbers, and who is busy, out of the newest audit records. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/audit_log.h"
#include "cli/connect.h"
#include "cli/metrics_read.h"
#include "cli/output.h"
#include "include/table.h"

#define RECENT     500 /* records of each log that are looked at for the busiest tokens */
#define TOKENS_MAX 10  /* that are shown */

struct fleet {
    struct metrics_reading *readings; /* one for each endpoint that answered */
    size_t count;
};

static void fleet_clear(struct fleet *fleet)
{
    free(fleet->readings);
    *fleet = (struct fleet){ 0 };
}
DEFINE_CLEAR(fleet_clear, struct fleet);

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const struct metrics_reading *reading_of(const struct fleet *fleet, const char *proxy)
{
    for (size_t i = 0; i < fleet->count; i++)
        if (strcmp(fleet->readings[i].proxy, proxy) == 0)
            return &fleet->readings[i];
    return NULL;
}

static enum cli_exit read_endpoint(struct cli *cli, size_t index, struct fleet *fleet)
{
    Privyseal__V1__GetMetricsRequest request = PRIVYSEAL__V1__GET_METRICS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetMetricsResponse *reply;
    struct metrics_reading *reading = &fleet->readings[fleet->count];
    enum cli_exit status = connect_endpoint(cli, index);

    if (status == CLI_DONE)
        status = connect_operate(cli, "reading the metrics", METHOD_GetMetrics, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__GetMetricsResponse *)message;
    if (!proxy_name_is_valid(reply->proxy) || reading_of(fleet, reply->proxy))
        return CLI_DONE; /* another address of one that was asked */
    *reading = (struct metrics_reading){ .at_ms = now_ms() };
    strcpy(reading->proxy, reply->proxy); /* proxy_name_is_valid: it fits */
    metrics_read(BYTES(reply->text.data, reply->text.len), reading);
    fleet->count++;
    return CLI_DONE;
}

/* One that does not answer is named on standard error; one that does is enough. */
static enum cli_exit read_fleet(struct cli *cli, struct fleet *fleet)
{
    enum cli_exit status = connect_configure(cli), last = CLI_DONE;
    size_t endpoints;

    if (status != CLI_DONE)
        return status;
    endpoints = connect_endpoints(cli);
    fleet->readings = calloc(endpoints, sizeof(*fleet->readings));
    if (!fleet->readings)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    for (size_t i = 0; i < endpoints; i++) {
        status = read_endpoint(cli, i, fleet);
        last = status == CLI_DONE ? last : status;
        if (status != CLI_DONE && status != CLI_UNREACHABLE)
            return status;
    }
    return fleet->count ? CLI_DONE : last;
}

/* ----------------------------------------------------------------------------------------------------- tokens */

static enum cli_exit tally_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                void *argument)
{
    CLEANUP(json_decref) json_t *record = json_loadb((const char *)line.data, line.len, 0, NULL);
    const char *token = json_string_value(json_object_get(record, "token"));
    const char *result = json_string_value(json_object_get(record, "result"));
    json_t *tokens = argument, *row;

    (void)cli, (void)log;
    if (!token || !*token || !result)
        return CLI_DONE;
    row = json_object_get(tokens, token);
    if (!row) {
        row = json_pack("{s:s, s:i, s:i}", "token", token, "requests", 0, "refused", 0);
        json_object_set_new(tokens, token, row);
    }
    json_object_set_new(row, "requests",
                        json_integer(json_integer_value(json_object_get(row, "requests")) + 1));
    if (strcmp(result, "OK") != 0)
        json_object_set_new(row, "refused",
                            json_integer(json_integer_value(json_object_get(row, "refused")) + 1));
    return CLI_DONE;
}

static json_int_t weight(const json_t *row)
{
    return json_integer_value(json_object_get(row, "requests")) +
           10 * json_integer_value(
                    json_object_get(row, "refused")); /* one that fails is worth a look sooner */
}

static int compare_weights(const void *a, const void *b)
{
    json_int_t one = weight(*(json_t *const *)a), other = weight(*(json_t *const *)b);

    return (one < other) - (one > other);
}

/* The busiest and those that fail, the most noteworthy first. */
static json_t *noteworthy(json_t *tokens)
{
    json_t *rows = json_array(), *row;
    size_t count = json_object_size(tokens), i = 0;
    CLEANUP(free) void *memory = calloc(count ? count : 1, sizeof(row));
    json_t **sorted = memory;
    const char *key;

    if (!memory)
        return rows;
    json_object_foreach (tokens, key, row)
        sorted[i++] = row;
    qsort(sorted, count, sizeof(*sorted), compare_weights);
    for (i = 0; i < count && i < TOKENS_MAX; i++)
        json_array_append(rows, sorted[i]);
    return rows;
}

static enum cli_exit read_tokens(struct cli *cli, json_t **ret)
{
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    CLEANUP(json_decref) json_t *tokens = json_object();
    enum cli_exit status = audit_logs_find(cli, &logs);

    for (size_t i = 0; status == CLI_DONE && i < logs.count; i++) {
        uint64_t head = logs.items[i].head_sequence;

        if (logs.items[i].endpoint != AUDIT_NOT_HERE)
            status = audit_log_walk(cli, &logs.items[i], head > RECENT ? head - RECENT : 1, tally_line,
                                    tokens, NULL);
    }
    *ret = noteworthy(tokens);
    return status;
}

/* ------------------------------------------------------------------------------------------------------- view */

static json_t *proxy_rows(const struct fleet *before, const struct fleet *now)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < now->count; i++) {
        const struct metrics_reading *then = reading_of(before, now->readings[i].proxy);

        json_array_append_new(rows, metrics_row(then ? then : &now->readings[i], &now->readings[i]));
    }
    return rows;
}

static enum cli_exit show(struct cli *cli, json_t *proxies, json_t *tokens, bool is_live)
{
    static const struct column proxy_columns[] = {
        { "proxy", "PROXY" },
        { "requests_per_s", "REQUESTS/S" },
        { "refused_per_s", "REFUSED/S" },
        { "p50_ms", "P50 MS" },
        { "p99_ms", "P99 MS" },
        { "load", "BUSY SIGNERS" },
        { "leases", "UNLOCKED" },
        { "hsms_up", "HSMS" },
        { "connections", "CONNECTIONS" },
    };
    static const struct column token_columns[] = { { "token", "TOKEN" },
                                                   { "requests", "RECENT" },
                                                   { "refused", "REFUSED" } };
    CLEANUP(json_decref) json_t *both = json_pack("{s:O, s:O}", "proxies", proxies, "tokens", tokens);

    if (cli->is_json)
        return output_object(cli, both);
    if (is_live)
        fputs("\033[H\033[J", stdout); /* ECMA-48 8.3.21 (CUP), 8.3.39 (ED): an empty screen */
    output_table(cli, proxies, proxy_columns, ARRAY_SIZE(proxy_columns));
    putchar('\n');
    output_table(cli, tokens, token_columns, ARRAY_SIZE(token_columns));
    return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED;
}

/* From one reading to the next; @before becomes it. */
static enum cli_exit refresh(struct cli *cli, struct fleet *before, bool is_live)
{
    CLEANUP(fleet_clear) struct fleet now = { 0 };
    CLEANUP(json_decref) json_t *tokens = NULL;
    CLEANUP(json_decref) json_t *proxies = NULL;
    enum cli_exit status = read_fleet(cli, &now);

    if (status == CLI_DONE)
        status = read_tokens(cli, &tokens);
    if (status != CLI_DONE)
        return status;
    proxies = proxy_rows(before, &now);
    fleet_clear(before);
    *before = now;
    now = (struct fleet){ 0 };
    return show(cli, proxies, tokens, is_live);
}

enum cli_exit cmd_top(struct cli *cli)
{
    CLEANUP(fleet_clear) struct fleet fleet = { 0 };
    bool is_once = cli_option(cli, "once");
    enum cli_exit status;
    long interval;

    status = cli_option_number(cli, "interval", 2, 1, 3600, &interval);
    if (status == CLI_DONE)
        status = read_fleet(cli, &fleet);
    do {
        if (status != CLI_DONE)
            return status;
        sleep(is_once ? 1 : (unsigned)interval);
        status = refresh(cli, &fleet, !is_once && isatty(STDOUT_FILENO) == 1);
    } while (!is_once);
    return status;
}
