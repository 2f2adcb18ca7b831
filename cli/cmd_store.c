/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_store.c - store migrate: all rows into another database; store upgrade: its schema to a new program's. */
#include "cli/commands.h"

#include "cli/daemon.h"
#include "cli/output.h"
#include "include/table.h"

#define SERVER_CONFIG "/etc/privyseal/privyseald.conf"

enum cli_exit cmd_store_migrate(struct cli *cli)
{
    static const struct column columns[] = { { "table", "TABLE" },
                                             { "rows", "ROWS" },
                                             { "digest", "DIGEST" } };
    const char *config = cli_option(cli, "server-config");
    const char *const arguments[] = { "migrate-store", cli->args[0], NULL };
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit status = daemon_run(cli, config ? config : SERVER_CONFIG, arguments, &result);

    if (status == CLI_DONE)
        status = output_table(cli, json_object_get(result, "tables"), columns, ARRAY_SIZE(columns));
    if (status == CLI_DONE)
        output_say(
            cli,
            "\nWritten, read back and compared. [store] url names the new one, which %s; logins waited\n"
            "%lld ms. The former one is closed for good: its rows are left in tables called away_*.",
            json_is_true(json_object_get(result, "live")) ? "the daemon uses since" : "is used from now on",
            (long long)json_integer_value(json_object_get(result, "pause_ms")));
    return status;
}

enum cli_exit cmd_store_upgrade(struct cli *cli)
{
    const char *config = cli_option(cli, "server-config");
    const char *const arguments[] = { "upgrade-store", NULL };
    CLEANUP(json_decref) json_t *result = NULL;
    enum cli_exit status = daemon_run(cli, config ? config : SERVER_CONFIG, arguments, &result);

    if (status != CLI_DONE)
        return status;
    return output_done(
        cli, json_incref(result),
        "The store has version %d. Daemons of the version before go on with it; for those before that\n"
        "there is no way back but a backup.",
        (int)json_integer_value(json_object_get(result, "version")));
}
