/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device_renew.c - device renew: what the module does by itself, where it may not write, or with a new key. */
#include "cli/commands.h"

#include <string.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "client/clock.h"
#include "client/renewal.h"

enum cli_exit cmd_device_renew(struct cli *cli)
{
    CLEANUP(free_string) char *why = NULL;
    bool has_new_key = cli_option(cli, "new-key") != NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    int r;

    if (status != CLI_DONE)
        return status;
    r = renewal_make(NULL, cli->identity, cli->token, has_new_key,
                     clock_now_ms() + method_by_id(METHOD_RenewDevice)->deadline_ms, &error, &why);
    if (r == -EREMOTEIO)
        return cli_fail_remote(cli, "renewing the certificate", error.rv, &error);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "The old certificate is as good as before.", "%s",
                        why ? why : strerror(-r));
    return output_done(cli, json_pack("{s:s}", "renewed", cli->identity->certificate),
                       "%s is renewed; the former one ends when this one is first used.",
                       cli->identity->certificate);
}
