/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_hsm.c - hsm add: the master keys into one more HSM, or those that it lacks, with the officers. */
#include "cli/commands.h"

#include <string.h>

#include "cli/daemon.h"
#include "cli/output.h"
#include "cli/share_request.h"

#define FIXED_VALUES 5 /* at most, of the daemon's arguments, before the shares */

/* First step: what of the master keys the officers hold, asked for. */
static enum cli_exit ask(struct cli *cli, const char *request)
{
    CLEANUP(json_decref) json_t *backup = NULL;
    CLEANUP(json_decref) json_t *secrets = json_array();
    const char *path = cli_option(cli, "master-backup");
    json_error_t error;

    if (!path)
        return cli_fail(cli, CLI_USAGE, "It is the deployment's master-backup; `init --quorum` made it.",
                        "the first time, --master-backup FILE is needed");
    backup = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!backup || !json_object_get(backup, "secret"))
        return cli_fail(cli, CLI_REFUSED, "It is the deployment's master-backup; `init --quorum` made it.",
                        "%s: %s", path, backup ? "no backup of master keys" : error.text);
    json_array_append(secrets, json_object_get(backup, "secret"));
    return share_request_make(cli, request, json_read_text(backup, "realm"),
                              "put the master keys into another HSM", secrets);
}

enum cli_exit cmd_hsm_add(struct cli *cli)
{
    const char *arguments[FIXED_VALUES + SHAMIR_SHARES_MAX + 1] = { "add-hsm" };
    const char *hsm = cli_option(cli, "hsm");
    char *paths[1 + SHAMIR_SHARES_MAX] = { NULL };
    CLEANUP(json_decref) json_t *result = NULL;
    int count = cli->arg_count - 1, fixed = 1; /* the request, and shares */
    enum cli_exit status;

    if (count == 1)
        return ask(cli, cli->args[1]);
    if (count - 1 > SHAMIR_SHARES_MAX)
        return cli_fail(cli, CLI_USAGE, NULL, "more than %d shares", SHAMIR_SHARES_MAX);
    if (hsm) {
        arguments[fixed++] = "--hsm";
        arguments[fixed++] = hsm;
    }
    arguments[fixed++] = "--request";
    for (int i = 0; i < count; i++)
        arguments[fixed + i] = paths[i] = daemon_path(cli->args[1 + i]);
    status = daemon_run(cli, cli->args[0], arguments, &result);
    for (int i = 0; i < count; i++)
        free(paths[i]);
    if (status != CLI_DONE)
        return status;
    share_request_remove(cli->args[1]);
    return output_done(cli, json_incref(result),
                       "The token \"%s\" has the deployment's master keys (%zu), compared "
                       "with the manifest one by one.",
                       json_read_text(result, "token"), json_array_size(json_object_get(result, "keys")));
}
