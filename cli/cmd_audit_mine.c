/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit_mine.c - audit mine: what the logs of all proxies say about the user's own token. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "include/secret.h"
#include "include/table.h"

struct mine {
    struct cli *cli;
    json_t *logs;  /* of the export */
    json_t *shown; /* records, for the table */
    struct progress progress;
};

static json_t *text_json(ProtobufCBinaryData bytes)
{
    return json_stringn((const char *)bytes.data, bytes.len);
}

static json_t *path_json(ProtobufCBinaryData bytes)
{
    char text[2 * 64 * HASH_LEN + 1] = "";

    if (bytes.len <= sizeof(text) / 2)
        hex_encode(BYTES(bytes.data, bytes.len), text);
    return json_string(text);
}

static void add_record(struct mine *mine, json_t *log, const char *proxy, const Privyseal__V1__OwnRecord *own)
{
    json_t *record = json_loadb((const char *)own->line.data, own->line.len, 0, NULL);

    progress_step(&mine->progress);
    json_array_append_new(json_object_get(log, "records"),
                          json_pack("{s:o, s:I, s:o}", "line", text_json(own->line), "checkpoint",
                                    (json_int_t)own->checkpoint, "path", path_json(own->path)));
    if (!record)
        return;
    json_object_set_new(record, "proxy", json_string(proxy));
    json_object_set_new(
        record, "time",
        output_time((uint64_t)json_integer_value(json_object_get(record, "time_us")) / 1000000));
    json_array_append_new(mine->shown, record);
}

static CK_RV read_page(struct mine *mine, uint32_t signer, uint64_t from, ProtobufCMessage **ret,
                       struct remote_error *error)
{
    return remote_token_own_records(mine->cli->token, signer, from, ret, error);
}

static enum cli_exit read_log(struct mine *mine, const Privyseal__V1__AuditLog *log)
{
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:[], s:[]}", "proxy", log->proxy, "signer", (json_int_t)log->signer,
                  "first", (json_int_t)log->first, "records", "checkpoints");
    struct remote_error error = { 0 };
    bool has_more = true;

    json_array_append_new(mine->logs, object);
    for (uint64_t from = 1; has_more;) {
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ReadOwnRecordsResponse *reply;
        CK_RV rv = read_page(mine, log->signer, from, &message, &error);

        if (rv != CKR_OK)
            return cli_fail_remote(mine->cli, "reading the records of your token", rv, &error);
        reply = (const Privyseal__V1__ReadOwnRecordsResponse *)message;
        for (size_t i = 0; i < reply->n_record; i++)
            add_record(mine, object, log->proxy, reply->record[i]);
        for (size_t i = 0; i < reply->n_checkpoint; i++)
            json_array_append_new(json_object_get(object, "checkpoints"), text_json(reply->checkpoint[i]));
        has_more = reply->more && reply->next > from;
        from = reply->next;
    }
    return CLI_DONE;
}

static bool is_known(const struct mine *mine, const char *proxy)
{
    const json_t *log;
    size_t i;

    json_array_foreach (mine->logs, i, log)
        if (strcmp(json_string_value(json_object_get(log, "proxy")), proxy) == 0)
            return true;
    return false;
}

/* All logs of the proxy that is connected. */
static enum cli_exit read_proxy(struct mine *mine)
{
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ReadOwnRecordsResponse *reply;
    enum cli_exit status = CLI_DONE;
    struct remote_error error = { 0 };
    CK_RV rv = read_page(mine, 0, 0, &message, &error);

    if (rv != CKR_OK)
        return cli_fail_remote(mine->cli, "listing the logs", rv, &error);
    reply = (const Privyseal__V1__ReadOwnRecordsResponse *)message;
    if (reply->n_log && is_known(mine, reply->log[0]->proxy))
        return CLI_DONE; /* another of its addresses */
    for (size_t i = 0; status == CLI_DONE && i < reply->n_log; i++)
        status = read_log(mine, reply->log[i]);
    return status;
}

static enum cli_exit read_endpoint(struct mine *mine, size_t index, const struct secret *pin)
{
    struct remote_error error = { 0 };
    enum cli_exit status = connect_endpoint(mine->cli, index);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_token(mine->cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_login(mine->cli->token, secret_bytes(pin), &error);
    if (rv != CKR_OK)
        return cli_fail_remote(mine->cli, "logging in", rv, &error);
    status = read_proxy(mine);
    remote_token_logout(mine->cli->token);
    return status;
}

static enum cli_exit write_export(struct mine *mine, const char *path)
{
    CLEANUP(json_decref)
    json_t *file = json_pack("{s:s, s:s, s:O}", "realm", mine->cli->deployment->realm, "token",
                             connect_token_name(mine->cli), "logs", mine->logs);
    CLEANUP(free_string) char *text = json_dumps(file, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    CLEANUP(free_string) char *why = NULL;

    if (!text || ca_write_file(path, 0600, bytes_of_text(text), &why) < 0)
        return cli_fail(mine->cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
    return output_done(
        mine->cli, json_pack("{s:s, s:I}", "file", path, "records", (json_int_t)json_array_size(mine->shown)),
        "%s: %zu records. Anybody checks it with `privyseal audit verify --mine %s --key audit.pem`.", path,
        json_array_size(mine->shown), path);
}

enum cli_exit cmd_audit_mine(struct cli *cli)
{
    static const struct column columns[] = {
        { "time", "TIME" },           { "event", "EVENT" },   { "result", "RESULT" },
        { "principal", "BY" },        { "peer", "FROM" },     { "mechanism", "MECHANISM" },
        { "key_count", "SIGNATURE" }, { "digest", "DIGEST" }, { "request_id", "REQUEST" },
    };
    CLEANUP(json_decref) json_t *logs = json_array();
    CLEANUP(json_decref) json_t *shown = json_array();
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct mine mine = { .cli = cli, .logs = logs, .shown = shown };
    const char *path = cli_option(cli, "export");
    enum cli_exit status = connect_configure(cli);
    size_t endpoints;

    if (status == CLI_DONE)
        status = connect_pin(cli, "pin-file", "PIN: ", false, &pin);
    if (status != CLI_DONE)
        return status;
    endpoints = connect_endpoints(cli);
    mine.progress = progress_start("records", 0);
    for (size_t i = 0; status == CLI_DONE && i < endpoints; i++)
        status = read_endpoint(&mine, i, pin);
    progress_end(&mine.progress);
    if (status != CLI_DONE)
        return status;
    return path ? write_export(&mine, path) : output_table(cli, shown, columns, ARRAY_SIZE(columns));
}
