/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_backup.c - backup: made by the daemon's program beside the HSM; shown and checked anywhere. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/backup_trust.h"
#include "cli/daemon.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/shamir.h"

#define SERVER_CONFIG "/etc/privyseal/privyseald.conf"

/* The three things that a signature takes, and what of them a backup has. */
static json_t *holds_in_words(const json_t *index)
{
    static const struct {
        const char *member, *yes, *no;
    } rows[] = {
        { "rows", "all rows: users, devices, wrapped keys, certificates", NULL },
        { "master_keys", "the HSM's master keys, wrapped for the officers",
          "no master keys: its rows open only in an HSM that still has them" },
        { "partitions", "users' HSM partitions (SoftHSM), each closed by its user's stretched PIN", NULL },
        { "pins", NULL, "no PINs, and nothing to test one with outside an HSM that has the master keys" },
    };
    const json_t *holds = json_object_get(index, "holds");
    json_t *words = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *text = json_is_true(json_object_get(holds, rows[i].member)) ? rows[i].yes : rows[i].no;

        if (text)
            json_array_append_new(words, json_string(text));
    }
    return words;
}

static json_t *officers_in_words(const json_t *header)
{
    const json_t *share, *secret = json_object_get(header, "secret");
    json_t *words = json_array();
    size_t i;

    json_array_foreach (json_object_get(secret, "shares"), i, share)
        json_array_append(words, json_object_get(share, "officer"));
    return words;
}

/* "tokens 4": every table that has rows, every file with its size. */
static json_t *rows_in_words(const json_t *index)
{
    json_t *words = json_array(), *count;
    const char *table;

    json_object_foreach (json_object_get(index, "rows"), table, count)
        if (json_integer_value(count) > 0)
            json_array_append_new(words,
                                  json_sprintf("%s %lld", table, (long long)json_integer_value(count)));
    return words;
}

static json_t *files_in_words(const json_t *index)
{
    const json_t *entry;
    json_t *words = json_array();
    size_t i;

    json_array_foreach (json_object_get(index, "entries"), i, entry)
        json_array_append_new(words,
                              json_sprintf("%s %lld", json_read_text(entry, "name"),
                                           (long long)json_integer_value(json_object_get(entry, "size"))));
    return words;
}

static json_t *describe(const char *file, const json_t *header, const json_t *index)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:O?, s:O?, s:o, s:O?, s:o, s:o, s:o, s:O?, s:O?}", "file", file,
                     "realm", json_read_text(header, "realm"), "host", json_read_text(header, "host"), "time",
                     output_time((uint64_t)json_integer_value(json_object_get(header, "time"))), "users",
                     json_object_get(index, "users"), "keys", json_object_get(index, "keys"), "holds",
                     holds_in_words(index), "officers_needed",
                     json_object_get(json_object_get(header, "secret"), "threshold"), "officers",
                     officers_in_words(header), "rows", rows_in_words(index), "files", files_in_words(index),
                     "not_included", json_object_get(index, "not_included"), "keys_not_included",
                     json_object_get(index, "keys_not_included"));
}

static enum cli_exit print(struct cli *cli, const char *file, const json_t *header, const json_t *index)
{
    CLEANUP(json_decref) json_t *object = describe(file, header, index);

    if (!object)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: it does not say what it holds", file);
    return output_object(cli, object);
}

enum cli_exit cmd_backup_show(struct cli *cli)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    enum cli_exit status = backup_trust_open(cli, cli->args[0], &backup);

    if (status == CLI_DONE)
        status = print(cli, cli->args[0], backup.header, backup.index);
    if (status == CLI_DONE)
        output_say(cli, "\nThis is what the file says of itself: `privyseal backup verify` checks it.");
    return status;
}

enum cli_exit cmd_backup_verify(struct cli *cli)
{
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    enum cli_exit status = backup_trust_open(cli, cli->args[0], &backup);

    if (status == CLI_DONE)
        status = backup_trust_check(cli, &backup);
    if (status == CLI_DONE)
        status = print(cli, cli->args[0], backup.header, backup.index);
    if (status == CLI_DONE)
        output_say(cli, "\nThe deployment's HSM has signed all of it.");
    return status;
}

enum cli_exit cmd_backup(struct cli *cli)
{
    const char *config = cli_option(cli, "server-config"), *quorum = cli_option(cli, "quorum");
    CLEANUP(backup_file_clear) struct backup_file backup = { 0 };
    CLEANUP(free_string) char *file = daemon_path(cli->args[0]);
    CLEANUP(free_string)
    char *officers = daemon_paths(cli_option(cli, "officers") ? cli_option(cli, "officers") : "");
    CLEANUP(json_decref) json_t *result = NULL;
    const char *const chosen[] = { "backup", "--quorum", quorum, "--officers", officers, file, NULL };
    const char *const usual[] = { "backup", file, NULL };
    long needed;
    enum cli_exit status = cli_option_number(cli, "quorum", 1, 1, SHAMIR_SHARES_MAX, &needed);

    if (status != CLI_DONE)
        return status;
    if (!quorum != !cli_option(cli, "officers"))
        return cli_fail(cli, CLI_USAGE, NULL, "--quorum and --officers go together");
    if (!file || !officers)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    status = daemon_run(cli, config ? config : SERVER_CONFIG, quorum ? chosen : usual, &result);
    if (status == CLI_DONE)
        status = backup_trust_open(cli, file, &backup);
    if (status == CLI_DONE)
        status = print(cli, file, backup.header, backup.index);
    if (status == CLI_DONE)
        output_say(
            cli, "\nKeep it away from this machine. The officers' keys open it; what they do with it stands "
                 "in docs/operating.md.");
    return status;
}
