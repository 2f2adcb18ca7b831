/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - audit show, audit verify: the records, and whether they hold together. */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/audit_record.h"

#define PAGE 250 /* records asked for at a time */

/* Gets the lines of one log, in order, until it is at its end. */
typedef enum cli_exit line_visitor(struct cli *cli, uint32_t signer, struct bytes line, void *argument);

struct log_head {
    uint32_t signers;
    uint64_t sequence; /* as the store has it */
    uint8_t hash[HASH_LEN];
};

static enum cli_exit read_page(struct cli *cli, uint32_t signer, uint64_t from, ProtobufCMessage **ret)
{
    Privyseal__V1__ReadAuditRequest request = PRIVYSEAL__V1__READ_AUDIT_REQUEST__INIT;

    request.signer = signer;
    request.from = from;
    request.limit = PAGE;
    return connect_operate(cli, "reading the audit log", METHOD_ReadAudit, &request.base, ret);
}

/* Asks for one log page by page. The head is the first page's: records may have been added since, none taken away. */
static enum cli_exit walk_log(struct cli *cli, uint32_t signer, line_visitor *visit, void *argument,
                              struct log_head *ret_head)
{
    for (uint64_t from = 1;;) {
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ReadAuditResponse *reply;
        enum cli_exit status = read_page(cli, signer, from, &message);

        if (status != CLI_DONE)
            return status;
        reply = (const Privyseal__V1__ReadAuditResponse *)message;
        if (from == 1) {
            *ret_head = (struct log_head){ .signers = reply->signers, .sequence = reply->head_sequence };
            if (reply->head_hash.len == HASH_LEN)
                memcpy(ret_head->hash, reply->head_hash.data, HASH_LEN);
        }
        for (size_t i = 0; i < reply->n_record && status == CLI_DONE; i++)
            status = visit(cli, signer, BYTES(reply->record[i].data, reply->record[i].len), argument);
        if (status != CLI_DONE || reply->n_record == 0)
            return status;
        from += reply->n_record;
    }
}

/* ---------------------------------------------------------------------------------------------------- show */

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

static enum cli_exit collect_line(struct cli *cli, uint32_t signer, struct bytes line, void *argument)
{
    json_t *rows = argument, *record = json_loadb((const char *)line.data, line.len, 0, NULL);

    if (!record)
        return cli_fail(cli, CLI_REFUSED, "`privyseal audit verify` says where the log is damaged.",
                        "the log of signer %u holds a line that is no record", signer);
    if (is_wanted(cli, record)) {
        json_object_set_new(record, "signer", json_integer(signer));
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
        { "time", "TIME" },          { "signer", "LOG" },          { "sequence", "NUMBER" },
        { "event", "EVENT" },        { "result", "RESULT" },       { "principal", "PRINCIPAL" },
        { "token", "TOKEN" },        { "mechanism", "MECHANISM" }, { "digest", "DIGEST" },
        { "request_id", "REQUEST" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    struct log_head head = { .signers = 1 };
    enum cli_exit status;
    long last;

    status = cli_option_number(cli, "last", 0, 1, 1000000, &last);
    for (uint32_t signer = 0; status == CLI_DONE && signer < head.signers; signer++) {
        size_t before = json_array_size(rows);

        status = walk_log(cli, signer, collect_line, rows, &head);
        keep_last(rows, before, last);
    }
    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}

/* -------------------------------------------------------------------------------------------------- verify */

struct verification {
    struct audit_check check;
    struct log_head head;      /* zero with --dir */
    uint8_t at_head[HASH_LEN]; /* the chain's hash where the store's head stands */
    const char *why;           /* NULL: sound so far */
};

static enum cli_exit check_line(struct cli *cli, uint32_t signer, struct bytes line, void *argument)
{
    struct verification *verification = argument;
    uint64_t sequence = verification->check.next_sequence;
    const char *why;

    (void)cli, (void)signer;
    if (verification->why)
        return CLI_DONE;
    if (audit_check_line(&verification->check, line, &why) < 0)
        verification->why = why;
    else if (sequence == verification->head.sequence)
        memcpy(verification->at_head, verification->check.hash, HASH_LEN);
    return CLI_DONE;
}

/* What is wrong with a log whose lines were all looked at; NULL: nothing. */
static const char *verdict(const struct verification *verification)
{
    uint64_t have = verification->check.next_sequence - 1;

    if (verification->why)
        return verification->why;
    if (have < verification->head.sequence)
        return "records are missing at the end: the store remembers a later head";
    if (verification->head.sequence && memcmp(verification->at_head, verification->head.hash, HASH_LEN) != 0)
        return "the chain is another one than the store remembers";
    return NULL;
}

static json_t *verification_row(const char *name, const struct verification *verification)
{
    const char *wrong = verdict(verification);

    return json_pack("{s:s, s:I, s:b, s:s}", "log", name, "records",
                     (json_int_t)(verification->check.next_sequence - 1), "sound", wrong == NULL, "finding",
                     wrong ? wrong : "");
}

static enum cli_exit report(struct cli *cli, json_t *rows)
{
    static const struct column columns[] = {
        { "log", "LOG" }, { "records", "RECORDS" }, { "sound", "SOUND" }, { "finding", "FINDING" }
    };
    json_t *row;
    size_t i;

    output_table(cli, rows, columns, ARRAY_SIZE(columns));
    json_array_foreach(rows, i, row) if (!json_is_true(json_object_get(row, "sound"))) return cli_fail(
        cli, CLI_REFUSED, "Keep the files as they are and compare them with a backup.",
        "the logs do not hold together");
    output_say(cli, "\nThis shows that no record up to each log's stored head was changed, added or removed. "
                    "What a lost\n"
                    "disk held after its last stored head is not shown.");
    return CLI_DONE;
}

static enum cli_exit verify_file(struct cli *cli, const char *path, uint32_t signer, const char *realm,
                                 json_t *rows)
{
    struct verification verification = { .why = NULL };
    CLEANUP(free_string) char *line = NULL;
    FILE *file = fopen(path, "re");
    size_t capacity = 0;
    ssize_t len;

    if (!file)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", path, strerror(errno));
    if (audit_check_init(&verification.check, realm, signer) < 0)
        verification.why = "out of memory";
    while (!verification.why && (len = getline(&line, &capacity, file)) > 0)
        check_line(cli, signer, BYTES(line, (size_t)len), &verification);
    fclose(file);
    json_array_append_new(rows, verification_row(path, &verification));
    return CLI_DONE;
}

static enum cli_exit verify_directory(struct cli *cli, const char *directory)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    const char *realm = cli_option(cli, "realm");
    char path[4096];

    if (!realm)
        return cli_fail(cli, CLI_USAGE, NULL,
                        "--dir needs --realm, the deployment's name: it is in every chain");
    for (uint32_t signer = 0;; signer++) {
        enum cli_exit status;

        snprintf(path, sizeof(path), "%s/signer-%u.log", directory, signer);
        if (access(path, F_OK) < 0)
            break;
        status = verify_file(cli, path, signer, realm, rows);
        if (status != CLI_DONE)
            return status;
    }
    if (json_array_size(rows) == 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s holds no log (signer-0.log)", directory);
    return report(cli, rows);
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    const char *directory = cli_option(cli, "dir");
    struct log_head head = { .signers = 1 };
    enum cli_exit status;

    if (directory)
        return verify_directory(cli, directory);
    status = connect_configure(cli);
    for (uint32_t signer = 0; status == CLI_DONE && signer < head.signers; signer++) {
        struct verification verification = { .why = NULL };
        char name[32];

        if (audit_check_init(&verification.check, cli->deployment->realm, signer) < 0)
            return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
        status = walk_log(cli, signer, check_line, &verification, &verification.head);
        head = verification.head;
        snprintf(name, sizeof(name), "signer %u", signer);
        json_array_append_new(rows, verification_row(name, &verification));
    }
    return status == CLI_DONE ? report(cli, rows) : status;
}
