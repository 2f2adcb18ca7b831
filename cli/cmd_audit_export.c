/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit_export.c - audit export: the records for other programs, one a line. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/audit_cef.h"
#include "cli/audit_filter.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "include/table.h"

/* A line of the export out of a record; @line as it is stored. */
typedef void format_fn(const json_t *record, const struct log_name *log, struct bytes line,
                       struct buffer *ret);

static void format_jsonl(const json_t *record, const struct log_name *log, struct bytes line,
                         struct buffer *ret)
{
    char start[LOG_TEXT_MAX + 32];

    (void)record;
    snprintf(start, sizeof(start), "{\"proxy\":\"%s\",\"signer\":%u,", log->proxy, log->signer);
    buffer_append_text(ret, start);
    if (line.len)
        buffer_append(ret, BYTES(line.data + 1, line.len - 1)); /* the record's members follow */
}

static void format_cef(const json_t *record, const struct log_name *log, struct bytes line,
                       struct buffer *ret)
{
    (void)line;
    audit_cef_append(record, log, ret);
}

static const struct {
    const char *name;
    format_fn *append;
} formats[] = { { "jsonl", format_jsonl }, { "cef", format_cef } };

struct export
{
    struct audit_filter filter;
    struct progress progress;
    format_fn *append;
    FILE *out;
    uint64_t written;
};

static enum cli_exit export_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                                 void *argument)
{
    CLEANUP(json_decref) json_t *record = json_loadb((const char *)line.data, line.len, 0, NULL);
    CLEANUP(buffer_clear) struct buffer text = { 0 };
    struct export *export = argument;

    progress_step(&export->progress);
    if (!record)
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit verify` says where the log is damaged.",
                        "the log of signer %u of %s holds a line that is no record", log->name.signer,
                        log->name.proxy);
    if (!audit_filter_wants(&export->filter, record))
        return CLI_DONE;
    export->append(record, &log->name, line, &text);
    buffer_append_u8(&text, '\n');
    if (text.failed || fwrite(text.data, 1, text.len, export->out) != text.len)
        return cli_fail(cli, CLI_REFUSED, "What is there is not all of it: run it again where there is room.",
                        "the export cannot be written: %s", strerror(errno));
    export->written++;
    return CLI_DONE;
}

static enum cli_exit export_logs(struct cli *cli, struct export *export, const struct audit_logs *logs)
{
    enum cli_exit status = CLI_DONE;
    uint64_t total = 0, from;

    for (size_t i = 0; i < logs->count; i++)
        total += logs->items[i].head_sequence;
    export->progress = progress_start("records", total);
    for (size_t i = 0; status == CLI_DONE && i < logs->count; i++) {
        const struct audit_log *log = &logs->items[i];

        if (log->endpoint == AUDIT_NOT_HERE || !audit_filter_wants_log(&export->filter, log))
            continue;
        status = audit_filter_start(&export->filter, cli, log, &from);
        if (status == CLI_DONE)
            status = audit_log_walk(cli, log, from, export_line, export, NULL);
    }
    progress_end(&export->progress);
    return status;
}

static enum cli_exit choose_format(struct cli *cli, struct export *export)
{
    const char *name = cli_option(cli, "format");

    export->append = format_jsonl;
    for (size_t i = 0; name && i < ARRAY_SIZE(formats); i++)
        if (strcmp(name, formats[i].name) == 0) {
            export->append = formats[i].append;
            return CLI_DONE;
        }
    return name ? cli_fail(cli, CLI_USAGE, NULL, "--format takes jsonl or cef, not \"%s\"", name) : CLI_DONE;
}

enum cli_exit cmd_audit_export(struct cli *cli)
{
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    const char *path = cli->arg_count ? cli->args[0] : NULL;
    struct export export = { .out = stdout };
    enum cli_exit status = choose_format(cli, &export);

    if (status == CLI_DONE)
        status = audit_filter_init(&export.filter, cli);
    if (status == CLI_DONE)
        status = audit_logs_find(cli, &logs);
    if (status != CLI_DONE)
        return status;
    if (path && !(export.out = fopen(path, "wex")))
        return cli_fail(cli, CLI_REFUSED, "Name a file that is not there yet.", "%s: %s", path,
                        strerror(errno));
    status = export_logs(cli, &export, &logs);
    if (path && fclose(export.out) != 0 && status == CLI_DONE)
        status = cli_fail(cli, CLI_REFUSED, "Choose another place for the export.", "%s: %s", path,
                          strerror(errno));
    if (status != CLI_DONE || !path)
        return status;
    return output_done(cli, json_pack("{s:s, s:I}", "file", path, "records", (json_int_t) export.written),
                       "%s: %llu records", path, (unsigned long long)export.written);
}
