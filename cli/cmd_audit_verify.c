/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_audit_verify.c - audit verify: whether the logs hold together, with what anybody has: the lines, the deployment's
 * name, the store's heads (from the server), the heads of an earlier check, and the public key of the HSM's checkpoints.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>

#include "cli/audit_files.h"
#include "cli/audit_log.h"
#include "cli/audit_own.h"
#include "cli/audit_verify.h"
#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "include/table.h"

/* One run over all logs. */
struct run {
    struct cli *cli;
    const char *realm;
    struct public_key *key;
    json_t *earlier; /* rows of the check before, by --state; NULL: none */
    json_t *rows;
    bool is_missing; /* a log, or with --complete a part of one */
    bool is_unreached;
    bool is_unsound;
};

static void run_clear(struct run *run)
{
    public_key_free(run->key);
    json_decref(run->earlier);
    json_decref(run->rows);
}
DEFINE_CLEAR(run_clear, struct run);

enum cli_exit audit_load_key(struct cli *cli, struct public_key **ret)
{
    const char *path = cli_option(cli, "key");
    FILE *file = path ? fopen(path, "re") : NULL;
    EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    uint8_t *spki = NULL;
    int len = key ? i2d_PUBKEY(key, &spki) : -1;
    CK_RV rv = len > 0 ? public_key_of_spki(NULL, BYTES(spki, (size_t)len), ret) : CKR_DATA_INVALID;

    if (file)
        fclose(file);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
    return !path || rv == CKR_OK ? CLI_DONE
                                 : cli_fail(cli, CLI_REFUSED, "It is the deployment's tls/audit.pem.",
                                            "%s: no public key in PEM form", path);
}

/* -------------------------------------------------------------------------------------- the check before this */

static enum cli_exit load_state(struct run *run)
{
    const char *path = cli_option(run->cli, "state");
    json_error_t error;

    if (!path)
        return CLI_DONE;
    run->earlier = json_load_file(path, 0, &error);
    if (json_is_array(run->earlier))
        return CLI_DONE;
    if (!run->earlier && json_error_code(&error) == json_error_cannot_open_file)
        return CLI_DONE; /* the first check makes it */
    return cli_fail(run->cli, CLI_REFUSED, "It is what an earlier `audit verify --state` wrote.",
                    "%s: not the state of a check", path);
}

/* The row of @log in the check before; NULL: it was not there. */
static const json_t *earlier_row(const struct run *run, const struct log_name *log)
{
    char name[LOG_TEXT_MAX];
    const json_t *row;
    size_t i;

    log_name_text(log, name);
    json_array_foreach (run->earlier, i, row) {
        const char *other = json_string_value(json_object_get(row, "log"));

        if (other && strcmp(other, name) == 0)
            return row;
    }
    return NULL;
}

static void take_earlier(const struct run *run, struct audit_verification *verification)
{
    const json_t *row = earlier_row(run, &verification->log);
    const char *hash = json_string_value(json_object_get(row, "hash"));

    if (hash && hex_decode(hash, verification->earlier.hash, HASH_LEN) == 0)
        verification->earlier.sequence = (uint64_t)json_integer_value(json_object_get(row, "last"));
}

static bool is_in(const json_t *rows, const char *name)
{
    const json_t *row;
    size_t i;

    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "log")), name) == 0)
            return true;
    return false;
}

static void add_missing(struct run *run, const char *name, const char *finding)
{
    json_array_append_new(run->rows,
                          json_pack("{s:s, s:b, s:s}", "log", name, "sound", false, "finding", finding));
}

/* A log that the check before saw and this one did not find. */
static void find_lost(struct run *run)
{
    const json_t *row;
    size_t i;

    json_array_foreach (run->earlier, i, row) {
        const char *name = json_string_value(json_object_get(row, "log"));

        if (!name || is_in(run->rows, name))
            continue;
        add_missing(run, name, "this log is missing: an earlier check saw it");
        run->is_missing = true;
    }
}

static enum cli_exit save_state(struct run *run)
{
    const char *path = cli_option(run->cli, "state");
    CLEANUP(free_string)
    char *text = path ? json_dumps(run->rows, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    CLEANUP(free_string) char *why = NULL;

    if (!path)
        return CLI_DONE;
    return text && ca_write_file(path, 0644, bytes_of_text(text), &why) == 0
               ? CLI_DONE
               : cli_fail(run->cli, CLI_REFUSED, NULL, "%s", why ? why : path);
}

/* --------------------------------------------------------------------------------------------------- the verdict */

static void add_row(struct run *run, struct audit_verification *verification)
{
    audit_verify_end(verification);
    run->is_unsound |= verification->why != NULL;
    run->is_missing |= verification->first > 1 && cli_option(run->cli, "complete");
    json_array_append_new(run->rows, audit_verification_row(verification));
}

static enum cli_exit report(struct run *run, const char *limit)
{
    static const struct column columns[] = {
        { "log", "LOG" },         { "records", "RECORDS" },
        { "absent", "ABSENT" },   { "checkpoints", "CHECKPOINTS" },
        { "covered", "COVERED" }, { "sound", "SOUND" },
        { "finding", "FINDING" },
    };

    find_lost(run);
    output_table(run->cli, run->rows, columns, ARRAY_SIZE(columns));
    if (run->is_unsound)
        return cli_fail(run->cli, CLI_REFUSED, "Keep the files as they are and compare them with a backup.",
                        "the logs do not hold together");
    if (run->is_missing)
        return cli_fail(run->cli, CLI_REFUSED, "Look for it in the archive: --archive DIR.",
                        "what is here holds together, but not all of it is here");
    if (run->is_unreached)
        return cli_fail(
            run->cli, CLI_UNREACHABLE,
            "Name an endpoint of every proxy in the configuration, or verify their files with --dir.",
            "what was reached holds together, but some proxies' logs were not reached");
    output_say(run->cli, "\n%s", limit);
    return save_state(run);
}

/* ----------------------------------------------------------------------------------- copies of the files */

static enum cli_exit verify_file(struct run *run, const struct audit_file *file,
                                 struct audit_verification *verification)
{
    CLEANUP(free_string) char *line = NULL;
    struct audit_stream stream;
    size_t capacity = 0;
    ssize_t len;
    int r = audit_stream_open(file->path, &stream);

    if (r < 0)
        return cli_fail(run->cli, CLI_REFUSED, "Every file of a log is read: may you read this one?",
                        "%s: %s", file->path, strerror(-r));
    while ((len = getline(&line, &capacity, stream.file)) > 0)
        audit_verify_line(verification, BYTES(line, (size_t)len));
    r = audit_stream_close(&stream);
    return r == 0 ? CLI_DONE
                  : cli_fail(run->cli, CLI_REFUSED, "Is the tool that unpacks it installed?",
                             "%s: cannot be unpacked", file->path);
}

/* The files of one log, which stand side by side in the list. Moves @at behind them. */
static enum cli_exit verify_files(struct run *run, const struct audit_files *files, size_t *at)
{
    CLEANUP(audit_verification_clear) struct audit_verification verification = { 0 };
    const struct log_name *log = &files->items[*at].log;
    enum cli_exit status = CLI_DONE;

    if (audit_verification_init(&verification, run->realm, log, run->key) < 0)
        return cli_fail(run->cli, CLI_REFUSED, NULL, "out of memory");
    take_earlier(run, &verification);
    for (; status == CLI_DONE && *at < files->count && log_name_compare(&files->items[*at].log, log) == 0;
         ++*at)
        status = verify_file(run, &files->items[*at], &verification);
    add_row(run, &verification);
    return status;
}

static enum cli_exit verify_directory(struct run *run, const char *directory)
{
    CLEANUP(audit_files_clear) struct audit_files files = { 0 };
    const char *directories[] = { directory, cli_option(run->cli, "archive") };
    enum cli_exit status = CLI_DONE;

    run->realm = cli_option(run->cli, "realm");
    if (!run->realm)
        return cli_fail(run->cli, CLI_USAGE, NULL,
                        "--dir needs --realm, the deployment's name: it is in every chain");
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        int r = directories[i] ? audit_files_add(&files, directories[i]) : 0;

        if (r < 0)
            return cli_fail(run->cli, CLI_REFUSED, "It is a directory with copies of the log files.",
                            "%s: %s", directories[i], strerror(-r));
    }
    if (files.count == 0)
        return cli_fail(run->cli, CLI_REFUSED, "Name the directory that has the files.",
                        "%s holds no log (PROXY.signer-0.log)", directory);
    for (size_t at = 0; status == CLI_DONE && at < files.count;)
        status = verify_files(run, &files, &at);
    if (status != CLI_DONE)
        return status;
    return report(
        run, "This shows that no record was changed, or removed from the middle. Whether records are missing "
             "at\nthe end, only the heads in the server's store can tell (`privyseal audit verify` without "
             "--dir), or\nthose of an earlier check (--state).");
}

/* -------------------------------------------------------------------------------------------- the server */

static enum cli_exit take_line(struct cli *cli, const struct audit_log *log, struct bytes line,
                               void *argument)
{
    (void)cli, (void)log;
    audit_verify_line(argument, line);
    return CLI_DONE;
}

static enum cli_exit verify_log(struct run *run, const struct audit_log *log)
{
    CLEANUP(audit_verification_clear) struct audit_verification verification = { 0 };
    char name[LOG_TEXT_MAX];
    enum cli_exit status;

    log_name_text(&log->name, name);
    if (log->endpoint == AUDIT_NOT_HERE) {
        add_missing(run, name,
                    log->is_proxy_known ? "this log is missing" : "no endpoint of its proxy answered");
        run->is_missing |= log->is_proxy_known;
        run->is_unreached |= !log->is_proxy_known;
        return CLI_DONE;
    }
    if (audit_verification_init(&verification, run->realm, &log->name, run->key) < 0)
        return cli_fail(run->cli, CLI_REFUSED, NULL, "out of memory");
    verification.store.sequence = log->head_sequence;
    memcpy(verification.store.hash, log->head_hash, HASH_LEN);
    take_earlier(run, &verification);
    status = audit_log_walk(run->cli, log, 1, take_line, &verification, NULL);
    add_row(run, &verification);
    return status;
}

static enum cli_exit verify_server(struct run *run)
{
    CLEANUP(audit_logs_clear) struct audit_logs logs = { 0 };
    enum cli_exit status = audit_logs_find(run->cli, &logs);

    for (size_t i = 0; status == CLI_DONE && i < logs.count; i++) {
        run->realm = run->cli->deployment->realm;
        status = verify_log(run, &logs.items[i]);
    }
    if (status != CLI_DONE)
        return status;
    return report(
        run, "This shows that no record up to each log's stored head was changed, added or removed. What a "
             "lost\ndisk held after its last stored head is not shown; nor is it if somebody set back both "
             "log and store\n(an earlier check's --state tells).");
}

enum cli_exit cmd_audit_verify(struct cli *cli)
{
    CLEANUP(run_clear) struct run run = { .cli = cli, .rows = json_array() };
    const char *directory = cli_option(cli, "dir"), *mine = cli_option(cli, "mine");
    enum cli_exit status = audit_load_key(cli, &run.key);

    if (status != CLI_DONE)
        return status;
    if (mine)
        return audit_own_verify(cli, mine, run.key);
    status = load_state(&run);
    if (status != CLI_DONE)
        return status;
    return directory ? verify_directory(&run, directory) : verify_server(&run);
}
