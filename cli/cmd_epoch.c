/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_epoch.c - epoch new, list, destroy: master keys of the HSM, on the server itself, as root: the work is done by
 * `privyseald --provision`, which alone may write the HSM's token.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/daemon.h"
#include "cli/master_files.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/certificate.h"
#include "proto/certificate_make.h"
#include "proto/hpke.h"

#define SERVER_CONFIG "/etc/privyseal/privyseald.conf"
#define SEAL_DAYS     3650

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(BIO_free_all, BIO *);

static const char *server_config(const struct cli *cli)
{
    const char *given = cli_option(cli, "server-config");

    return given ? given : SERVER_CONFIG;
}

/* ---------------------------------------------------------------------------------------------------- list */

static const char *use_of(const json_t *row)
{
    if (json_is_true(json_object_get(row, "stranger")))
        return "none: not signed for";
    return json_is_true(json_object_get(row, "newest")) ? "new rows" : "old rows";
}

/* "hsm.b, hsm.c": a named epoch that an HSM lacks keeps it from serving. */
static json_t *join_names(const json_t *names)
{
    CLEANUP(buffer_clear) struct buffer text = { 0 };
    const json_t *name;
    size_t i;

    json_array_foreach (names, i, name) {
        buffer_append_text(&text, i ? ", " : "");
        buffer_append_text(&text, json_string_value(name));
    }
    return json_stringn((const char *)text.data, text.len);
}

static void warn_unreachable(const json_t *names)
{
    const json_t *name;
    size_t i;

    json_array_foreach (names, i, name)
        fprintf(stderr, "[%s] cannot be opened: what it has is not in this list.\n", json_string_value(name));
}

enum cli_exit cmd_epoch_list(struct cli *cli)
{
    static const char *const arguments[] = { "epoch-list", NULL };
    static const struct column columns[] = {
        { "kind", "KEY" },
        { "epoch", "EPOCH" },
        { "use", "USE" },
        { "rows", "ROWS" },
        { "held_by", "HELD BY" },
        { "ends", "ENDS" },
        { "lacked_by", "LACKED BY" },
    };
    CLEANUP(json_decref) json_t *reply = NULL;
    json_t *row, *rows;
    size_t i;
    enum cli_exit status = daemon_run(cli, server_config(cli), arguments, &reply);

    if (status != CLI_DONE)
        return status;
    rows = json_object_get(reply, "epochs");
    json_array_foreach (rows, i, row) {
        json_object_set_new(row, "use", json_string(use_of(row)));
        json_object_set_new(row, "lacked_by", join_names(json_object_get(row, "lacking")));
        json_object_set_new(row, "ends",
                            output_time((uint64_t)json_integer_value(json_object_get(row, "ends_unix"))));
    }
    warn_unreachable(json_object_get(reply, "unreachable"));
    return output_table(cli, rows, columns, ARRAY_SIZE(columns));
}

/* ---------------------------------------------------------------------------------------------------- new */

/* The chain as it is, behind what is there already: older epochs stay for who seals to them. */
static enum cli_exit prepend(struct cli *cli, const char *path, struct buffer *pem)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *old = NULL;
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    CLEANUP(free_string) char *why = NULL;
    char *data;
    long len;

    if (certificate_load_file(NULL, path, &old) < 0 || !bio)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s cannot be read", path);
    /* Leaf and issuer are new; of the old ones the first stays, for which the issuer is the same. */
    if (PEM_write_bio_X509(bio, sk_X509_value(old, 0)) != 1)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    len = BIO_get_mem_data(bio, &data);
    buffer_append(pem, BYTES(data, (size_t)len));
    if (pem->failed || ca_write_file(path, 0644, buffer_bytes(pem), &why) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
    return CLI_DONE;
}

static enum cli_exit issue_seal(struct cli *cli, const json_t *reply, EVP_PKEY *key, struct buffer *ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(free_string) char *why = NULL;
    struct ca_request request = { .profile = CA_PROFILE_SEAL, .public_key = key, .days = SEAL_DAYS };
    char name[128];

    snprintf(name, sizeof(name), "/CN=%.32s sealing epoch %lld",
             json_string_value(json_object_get(reply, "realm")),
             (long long)json_integer_value(json_object_get(reply, "epoch")));
    if (certificate_parse_subject(name, &subject, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
    request.subject = subject;
    if (ca_issue(cli_option(cli, "ca"), &request, ret, NULL, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, "The signers do not start again before it is certified.",
                        "the new sealing key has no certificate: %s", why ? why : "out of memory");
    return CLI_DONE;
}

static enum cli_exit certify_seal_key(struct cli *cli, const json_t *reply)
{
    const char *text = json_string_value(json_object_get(reply, "seal_public_key"));
    const char *state = json_string_value(json_object_get(reply, "state"));
    const char *chain = json_string_value(json_object_get(reply, "seal_chain"));
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    CLEANUP(free_string) char *path = NULL;
    uint8_t public_key[HPKE_KEY_LEN];
    enum cli_exit status;

    if (!text || !state || !chain || hex_decode(text, public_key, sizeof(public_key)) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "the daemon gave no sealing key");
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, sizeof(public_key));
    if (!key ||
        asprintf(&path, "%s%s%s", chain[0] == '/' ? "" : state, chain[0] == '/' ? "" : "/", chain) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    status = issue_seal(cli, reply, key, &pem);
    return status == CLI_DONE ? prepend(cli, path, &pem) : status;
}

static enum cli_exit certify_seal(struct cli *cli)
{
    static const char *const arguments[] = { "seal-key", NULL };
    CLEANUP(json_decref) json_t *reply = NULL;
    enum cli_exit status = daemon_run(cli, server_config(cli), arguments, &reply);

    return status == CLI_DONE ? certify_seal_key(cli, reply) : status;
}

/* The files are for the daemon and the officers; they are where they belong. */
static json_t *without_files(json_t *reply)
{
    static const char *const members[] = { "manifest", "master_backup", "manifest_path",
                                           "master_backup_path" };

    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        json_object_del(reply, members[i]);
    return json_incref(reply);
}

/* What the daemon has to know before it begins: whether the root is here to sign for the change. */
static const char *signing(const struct cli *cli)
{
    return master_files_can_sign(cli_option(cli, "ca")) ? "--to-sign" : NULL;
}

/* What is to be done with HSMs that were left out; malloc'd, "" where there are none. */
static char *left_out_words(const json_t *reply)
{
    CLEANUP(json_decref) json_t *names = join_names(json_object_get(reply, "left_out"));
    char *words;

    if (!json_object_get(reply, "left_out"))
        return strdup("");
    return asprintf(
               &words,
               "\nLeft out: %s. Its signers do not start again before it has the epoch: privyseal hsm add "
               "--hsm NAME, when it is well.",
               json_string_value(names)) < 0
               ? NULL
               : words;
}

static enum cli_exit make_epoch(struct cli *cli, json_t **ret)
{
    const char *ca = cli_option(cli, "ca"), *left_out = cli_option(cli, "leave-out");
    const char *arguments[6] = { "epoch-new", cli->args[0] };
    bool is_seal = strcmp(cli->args[0], "Kseal") == 0;
    size_t count = 2;
    enum cli_exit status;

    if (is_seal && !ca)
        return cli_fail(cli, CLI_USAGE, "--ca DIR names the directory with the root and the sealing issuer.",
                        "a new sealing key needs a certificate, or no client seals to it");
    if (left_out) {
        arguments[count++] = "--leave-out";
        arguments[count++] = left_out;
    }
    arguments[count] = cli_option(cli, "without-backup") ? "--without-backup" : signing(cli);
    status = daemon_run(cli, server_config(cli), arguments, ret);
    if (status == CLI_DONE)
        status = master_files_add(cli, ca, *ret);
    return status == CLI_DONE && is_seal ? certify_seal(cli) : status;
}

enum cli_exit cmd_epoch_new(struct cli *cli)
{
    CLEANUP(json_decref) json_t *reply = NULL;
    CLEANUP(free_string) char *left_out = NULL;
    enum cli_exit status = make_epoch(cli, &reply);

    if (status != CLI_DONE)
        return status;
    left_out = left_out_words(reply);
    return output_done(
        cli, without_files(reply),
        "Epoch %lld of %s is made.\nNext: systemctl reload privyseald. The signers are replaced one by "
        "one, and use it from then on.%s",
        (long long)json_integer_value(json_object_get(reply, "epoch")), cli->args[0],
        left_out ? left_out : "");
}

/* ---------------------------------------------------------------------------------------------------- destroy */

enum cli_exit cmd_epoch_destroy(struct cli *cli)
{
    const char *const arguments[] = { "epoch-destroy", cli->args[0], cli->args[1], signing(cli), NULL };
    CLEANUP(json_decref) json_t *reply = NULL;
    char question[256];
    enum cli_exit status;

    snprintf(question, sizeof(question),
             "Destroy epoch %.16s of %.16s? Backups from before, and what is in them under it, are "
             "unreadable then, for "
             "good.",
             cli->args[1], cli->args[0]);
    status = connect_confirm(cli, question, "nothing was destroyed");
    if (status == CLI_DONE)
        status = daemon_run(cli, server_config(cli), arguments, &reply);
    if (status == CLI_DONE)
        status = master_files_remove(cli, cli_option(cli, "ca"), reply);
    if (status != CLI_DONE)
        return status;
    return output_done(
        cli, without_files(reply),
        "Epoch %s of %s is destroyed in this HSM and is in no backup from now on. Copies of the HSM's token, "
        "other HSMs "
        "and, for the officers, earlier backups have it still: destroy those that are not needed.",
        cli->args[1], cli->args[0]);
}
