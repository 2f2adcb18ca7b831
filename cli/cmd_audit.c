/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - audit show: the records, filtered. */
#include "cli/commands.h"

#include <string.h>

#include "cli/audit_log.h"
#include "cli/output.h"
#include "include/table.h"

static bool is_wanted(const struct cli *cli, const json_t *record)
{
    const char *user = cli_option(cli, "user"), *event = cli_option(cli, "event");
    const char *token = json_string_value(json_object_get(record, "token"));
    const char *name = json_string_value(json_object_get(record, "event"));

    return (!user || (token && strcmp(user, token) == 0)) && (!event || (name && strcmp(event, name) == 0));
}

static json_t *record_time(const json_t *record)
{
    return output_time((uint64_t)json_integer_value(json_object_get(record, "time_us")) / 1000000);
}

static enum cli_exit collect_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                  void *argument)
{
    json_t *rows = argument, *record = json_loadb((const char *)line.data, line.len, 0, NULL);

    if (!record)
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit verify` says where the log is damaged.",
                        "the log of signer %u of %s holds a line that is no record", log->name.signer,
                        log->name.proxy);
    if (is_wanted(cli, record)) {
        json_object_set_new(record, "proxy", json_string(log->name.proxy));
        json_object_set_new(record, "signer", json_integer(log->name.signer));
        json_object_set_new(record, "time", record_time(record));
        json_array_append(rows, record);
    }
    json_decref(record);
    return CLI_DONE;
}

static void keep_last(json_t *rows, size_t before, long last)
{
    while (last > 0 && json_array_size(rows) - before > (size_t)last)
        json_array_remove(rows, before);
}

enum cli_exit cmd_audit_show(struct cli *cli)
{
    static const struct column columns[] = {
        { "time", "TIME" },           { "proxy", "PROXY" },        { "signer", "SIGNER" },
        { "sequence", "NUMBER" },     { "event", "EVENT" },        { "result", "RESULT" },
        { "principal", "PRINCIPAL" }, { "token", "TOKEN" },        { "mechanism", "MECHANISM" },
        { "digest", "DIGEST" },       { "request_id", "REQUEST" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    enum cli_exit status;
    long last;

    status = cli_option_number(cli, "last", 0, 1, 1000000, &last);
    if (status == CLI_DONE)
        status = audit_logs_find(cli, &logs);
    for (size_t i = 0; status == CLI_DONE && i < logs.count; i++) {
        size_t before = json_array_size(rows);

        if (logs.items[i].endpoint != AUDIT_NOT_HERE)
            status = audit_log_walk(cli, &logs.items[i], 1, collect_line, rows, NULL);
        keep_last(rows, before, last);
    }
    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}
