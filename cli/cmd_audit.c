/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - audit show: the records, filtered, as a table; and as they come. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/audit_filter.h"
#include "cli/output.h"
#include "include/table.h"

static const struct column columns[] = {
    { "time", "TIME" },           { "log", "LOG" },       { "sequence", "NUMBER" },
    { "event", "EVENT" },         { "result", "RESULT" }, { "principal", "PRINCIPAL" },
    { "token", "TOKEN" },         { "peer", "FROM" },     { "mechanism", "MECHANISM" },
    { "key_count", "SIGNATURE" }, { "digest", "DIGEST" }, { "request_id", "REQUEST" },
};

/* What a walk collects. */
struct show {
    struct audit_filter filter;
    json_t *rows;
    size_t limit;     /* of them, the newest; 0: all */
    bool is_followed; /* print each as it comes */
};

static enum cli_exit follow_record(struct cli *cli, json_t *record)
{
    if (cli->is_json) {
        json_dumpf(record, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else {
        output_row(record, columns, ARRAY_SIZE(columns));
    }
    return fflush(stdout) == 0 ? CLI_DONE : CLI_REFUSED;
}

static enum cli_exit collect_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                  void *argument)
{
    CLEANUP(json_decref) json_t *record = json_loadb((const char *)line.data, line.len, 0, NULL);
    struct show *show = argument;
    char name[LOG_TEXT_MAX];

    log_name_text(&log->name, name);
    if (!record)
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit verify` says where the log is damaged.",
                        "the log %s holds a line that is no record", name);
    if (!audit_filter_wants(&show->filter, record))
        return CLI_DONE;
    json_object_set_new(record, "log", json_string(name));
    json_object_set_new(record, "proxy", json_string(log->name.proxy));
    json_object_set_new(record, "signer", json_integer(log->name.signer));
    json_object_set_new(
        record, "time",
        output_time((uint64_t)json_integer_value(json_object_get(record, "time_us")) / 1000000));
    if (show->is_followed)
        return follow_record(cli, record);
    json_array_append(show->rows, record);
    return CLI_DONE;
}

/* Logs are walked one after the other; what happened is read in one order. */
static int compare_times(const void *a, const void *b)
{
    json_int_t one = json_integer_value(json_object_get(*(json_t *const *)a, "time_us"));
    json_int_t other = json_integer_value(json_object_get(*(json_t *const *)b, "time_us"));

    return (one > other) - (one < other);
}

static enum cli_exit sort_rows(struct cli *cli, struct show *show)
{
    size_t count = json_array_size(show->rows), from;
    CLEANUP(free) void *memory = calloc(count ? count : 1, sizeof(json_t *));
    json_t **sorted = memory, *rows = json_array();

    if (!memory || !rows)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(show->rows, i);
    qsort(sorted, count, sizeof(*sorted), compare_times);
    from = show->limit && count > show->limit ? count - show->limit : 0;
    for (size_t i = from; i < count; i++)
        json_array_append(rows, sorted[i]);
    json_decref(show->rows);
    show->rows = rows;
    return CLI_DONE;
}

/* From --since on, or when following from the end; @next: where to go on, one for each log. */
static enum cli_exit walk_all(struct cli *cli, struct show *show, const struct audit_logs *logs,
                              uint64_t *next)
{
    enum cli_exit status = CLI_DONE;

    for (size_t i = 0; status == CLI_DONE && i < logs->count; i++) {
        const struct audit_log *log = &logs->items[i];

        if (log->endpoint == AUDIT_NOT_HERE || !audit_filter_wants_log(&show->filter, log))
            continue;
        if (next[i] == 0 && show->is_followed && !show->filter.since_us)
            next[i] = log->head_sequence + 1;
        else if (next[i] == 0)
            status = audit_filter_start(&show->filter, cli, log, &next[i]);
        if (status == CLI_DONE)
            status = audit_log_walk(cli, log, next[i], collect_line, show, &next[i]);
    }
    return status;
}

static enum cli_exit follow(struct cli *cli, struct show *show, const struct audit_logs *logs, uint64_t *next)
{
    enum cli_exit status;

    if (!cli->is_json)
        output_titles(columns, ARRAY_SIZE(columns));
    while ((status = walk_all(cli, show, logs, next)) == CLI_DONE)
        sleep(1);
    return status;
}

enum cli_exit cmd_audit_show(struct cli *cli)
{
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    CLEANUP(free) void *memory = NULL;
    struct show show = { .is_followed = cli_option(cli, "follow") };
    enum cli_exit status = audit_filter_init(&show.filter, cli);
    long limit = 0;

    if (status == CLI_DONE)
        status = cli_option_number(cli, "limit", 0, 1, 1000000, &limit);
    if (status == CLI_DONE)
        status = audit_logs_find(cli, &logs);
    if (status != CLI_DONE)
        return status;
    show.limit = (size_t)limit;
    show.rows = json_array();
    memory = calloc(logs.count + 1, sizeof(uint64_t));
    if (!show.rows || !memory)
        status = cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    else if (show.is_followed)
        status = follow(cli, &show, &logs, memory);
    else
        status = walk_all(cli, &show, &logs, memory);
    if (status == CLI_DONE)
        status = sort_rows(cli, &show);
    if (status == CLI_DONE)
        status = output_table(cli, show.rows, columns, ARRAY_SIZE(columns));
    json_decref(show.rows);
    return status;
}
