/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cert_renew.c - cert renew: a user's own, where the deployment allows it. */
#include "cli/commands.h"

#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "proto/pack.h"

/* The key that @name names. NULL: none. */
static const Privyseal__V1__KeyInfo *find_key(const Privyseal__V1__Snapshot *content, const char *name)
{
    const Privyseal__V1__KeyInfo *found = NULL;

    for (size_t i = 0; i < content->n_key; i++)
        if (names_key_is(content->key[i], name))
            found = content->key[i];
    return found;
}

enum cli_exit cmd_cert_renew(struct cli *cli)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    const Privyseal__V1__KeyInfo *old, *key;
    const char *new_key = cli_option(cli, "new-key");
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    uint64_t until = 0;
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 60000, &snapshot, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the token", rv, &error);
    old = find_key(snapshot->content, cli->args[0]);
    key = new_key ? find_key(snapshot->content, new_key) : old;
    if (!old || !key)
        return cli_fail(cli, CLI_REFUSED, "`privyseal key list` shows the keys.",
                        "the token has no such key");
    rv = remote_token_renew_certificate(cli->token, pack_lend(&key->name), pack_lend(&old->name), &until,
                                        &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "renewing the certificate", rv, &error);
    return output_done(cli, json_pack("{s:s, s:o}", "key", key->label, "until", output_time(until)),
                       "The certificate of \"%s\" is a new one, with the same names.", key->label);
}
