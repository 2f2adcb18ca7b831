/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_delete.c - key delete, cert delete: asked for twice, since nothing brings a key back. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "proto/pack.h"

/* What is to be deleted, as the snapshot has it. */
struct victim {
    Privyseal__V1__ObjectKind kind;
    const char *word; /* for people */
    struct bytes key; /* KeyInfo.name: lent by the snapshot */
    const char *label;
};

/* The one key that @name names, by id or label; of two with one label neither. */
static const Privyseal__V1__KeyInfo *find_key(const Privyseal__V1__Snapshot *content, const char *name,
                                              size_t *ret_count)
{
    const Privyseal__V1__KeyInfo *found = NULL;

    *ret_count = 0;
    for (size_t i = 0; i < content->n_key; i++)
        if (names_key_is(content->key[i], name)) {
            found = content->key[i];
            ++*ret_count;
        }
    return found;
}

static const Privyseal__V1__CertificateInfo *certificate_of(const Privyseal__V1__Snapshot *content,
                                                            const Privyseal__V1__KeyInfo *key)
{
    for (size_t i = 0; i < content->n_certificate; i++)
        if (bytes_equal(pack_lend(&content->certificate[i]->id), pack_lend(&key->id)))
            return content->certificate[i];
    return NULL;
}

static enum cli_exit find_victim(struct cli *cli, const Privyseal__V1__Snapshot *content,
                                 struct victim *victim)
{
    size_t count;
    const Privyseal__V1__KeyInfo *key = find_key(content, cli->args[0], &count);
    const Privyseal__V1__CertificateInfo *certificate = key ? certificate_of(content, key) : NULL;
    bool is_key = victim->kind == PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY;

    if (count > 1)
        return cli_fail(cli, CLI_REFUSED, "Name it by its id: `privyseal key list` shows them.",
                        "%zu keys are labelled \"%s\"", count, cli->args[0]);
    if (!key || (!is_key && !certificate))
        return cli_fail(cli, CLI_REFUSED, "`privyseal token show` shows keys and certificates.",
                        "the token has no %s \"%s\"", victim->word, cli->args[0]);
    victim->key = pack_lend(&key->name);
    victim->label = is_key ? key->label : certificate->label;
    return CLI_DONE;
}

static enum cli_exit confirm(struct cli *cli, const struct victim *victim)
{
    char question[256];

    snprintf(question, sizeof(question), "Delete the %s \"%s\" for good? yes/no: ", victim->word,
             victim->label);
    return connect_confirm(cli, question, "nothing was deleted");
}

static enum cli_exit delete_object(struct cli *cli, struct victim *victim)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_token(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 0, &snapshot, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the token", rv, &error);
    status = find_victim(cli, snapshot->content, victim);
    if (status == CLI_DONE)
        status = confirm(cli, victim);
    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_delete(cli->token, victim->key, victim->kind, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "deleting", rv, &error);
    return output_done(cli, json_pack("{s:s}", "deleted", victim->label), "Deleted the %s \"%s\".",
                       victim->word, victim->label);
}

enum cli_exit cmd_key_delete(struct cli *cli)
{
    return delete_object(cli,
                         &(struct victim){ .kind = PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY, .word = "key" });
}

enum cli_exit cmd_cert_delete(struct cli *cli)
{
    return delete_object(cli, &(struct victim){ .kind = PRIVYSEAL__V1__OBJECT_KIND__OBJECT_CERTIFICATE,
                                                .word = "certificate" });
}
