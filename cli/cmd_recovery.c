/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_recovery.c - ways back when a PIN is forgotten: the user sets them up and takes them down, officers give their
 * shares. `pin recover` uses them (cmd_pin.c).
 */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "cli/recovery_code.h"
#include "client/remote_recovery.h"
#include "include/table.h"
#include "proto/name.h"
#include "proto/officer.h"
#include "proto/officer_share.h"
#include "proto/pack.h"

/* ----------------------------------------------------------------------------------------- the user's code */

enum cli_exit cmd_recovery_make(struct cli *cli)
{
    CLEANUP(secret_free) struct secret *code = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    if (secret_random(RECOVERY_CODE_LEN, &code) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "no random bytes");
    rv = remote_token_put_recovery(cli->token, secret_bytes(code), &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "storing the recovery code", rv, &error);
    return recovery_code_print(cli, code, "made");
}

enum cli_exit cmd_recovery_remove(struct cli *cli)
{
    struct remote_error error = { 0 };
    enum cli_exit status =
        connect_confirm(cli, "Make the recovery code void? yes/no: ", "the recovery code is as it was");
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_remove_recovery(cli->token, PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_CODE, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "removing the recovery code", rv, &error);
    return output_done(cli, json_pack("{s:s}", "recovery_code", "removed"), "The recovery code is void.");
}

enum cli_exit cmd_recovery_cancel(struct cli *cli)
{
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_cancel_recovery(cli->token, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "cancelling", rv, &error);
    return output_done(
        cli, json_pack("{s:s}", "request", "cancelled"),
        "The request to the officers is cancelled. If it was not yours, change the PIN, and tell an "
        "operator which device it came from.");
}

/* ------------------------------------------------------------------------------------------ what there is */

static json_t *texts(char **text, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(text[i]));
    return array;
}

static json_t *request_object(const Privyseal__V1__RecoveryInfo *info)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "request", output_hex(pack_lend(&info->request)),
                     "asked", output_time(info->asked_unix), "not_before", output_time(info->from_unix),
                     "not_after", output_time(info->until_unix), "device",
                     output_hex(pack_lend(&info->certificate_hash)), "needed", (int)info->needed, "given",
                     texts(info->given, info->n_given));
}

enum cli_exit cmd_recovery_show(struct cli *cli)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    Privyseal__V1__GetRecoveryResponse *reply = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_token(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 0, &snapshot, &error);
    if (rv == CKR_OK)
        rv = remote_token_recovery(cli->token, &reply, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the ways back", rv, &error);
    message = &reply->base;
    object = json_pack("{s:b, s:b}", "recovery_code", snapshot->content->has_recovery_code, "quorum",
                       reply->quorum != NULL);
    if (reply->quorum) {
        json_object_set_new(object, "needed", json_integer(reply->quorum->needed));
        json_object_set_new(object, "officers", texts(reply->quorum->officer, reply->quorum->n_officer));
    }
    if (reply->request)
        json_object_set_new(object, "request", request_object(reply->request));
    return output_object(cli, object);
}

/* ------------------------------------------------------------------------------------------- the officers */

static enum cli_exit ask_for_quorum(struct cli *cli, const struct remote_officer *officers, size_t count,
                                    uint32_t needed)
{
    char names[OFFICERS_MAX * (NAME_MAX_LEN + 2) + 1] = "", question[sizeof(names) + 256];

    for (size_t i = 0; i < count; i++) {
        strcat(names, i ? ", " : "");
        strcat(names, officers[i].name);
    }
    snprintf(question, sizeof(question),
             "Any %u of %zu officers (%s) could then open your token, if a device of yours asks for it and\n"
             "nobody cancels in time. Let them? yes/no: ",
             needed, count, names);
    return connect_confirm(cli, question, "officers cannot help, as before");
}

static enum cli_exit turn_on(struct cli *cli)
{
    struct remote_officer officers[OFFICERS_MAX] = { 0 };
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    Privyseal__V1__GetRecoveryResponse *reply = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_token(cli);
    size_t count = 0;
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_recovery(cli->token, &reply, &error);
    if (rv == CKR_OK)
        message = &reply->base;
    if (rv == CKR_OK)
        rv = remote_officers(cli->remote, reply, officers, &count, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the officers", rv, &error);
    if (!reply->officers_needed || count < reply->officers_needed)
        return cli_fail(cli, CLI_REFUSED, "`privyseal recovery make` makes a recovery code.",
                        "this deployment has no officers who could help");
    status = ask_for_quorum(cli, officers, count, reply->officers_needed);
    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_put_quorum(cli->token, officers, count, reply->officers_needed, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "giving officers their shares", rv, &error);
    return output_done(cli,
                       json_pack("{s:b, s:i, s:i}", "quorum", 1, "needed", (int)reply->officers_needed,
                                 "officers", (int)count),
                       "Any %u of %zu officers can help now. `privyseal recovery quorum off` takes it back.",
                       reply->officers_needed, count);
}

static enum cli_exit turn_off(struct cli *cli)
{
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_remove_recovery(cli->token, PRIVYSEAL__V1__RECOVERY_WAY__RECOVERY_WAY_QUORUM, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "taking the officers' shares back", rv, &error);
    return output_done(cli, json_pack("{s:b}", "quorum", 0),
                       "Officers can no longer help: their shares are void.");
}

enum cli_exit cmd_recovery_quorum(struct cli *cli)
{
    if (strcmp(cli->args[0], "on") == 0)
        return turn_on(cli);
    if (strcmp(cli->args[0], "off") == 0)
        return turn_off(cli);
    return cli_fail(cli, CLI_USAGE, NULL, "on or off, not \"%s\"", cli->args[0]);
}

/* All that is pending, page by page, to @each until it says stop. */
typedef bool pending_fn(const Privyseal__V1__PendingRecovery *pending, void *arg);

static enum cli_exit each_pending(struct cli *cli, pending_fn *each, void *arg)
{
    int64_t after = 0;
    bool more = true;

    while (more) {
        Privyseal__V1__ListRecoveriesRequest request = PRIVYSEAL__V1__LIST_RECOVERIES_REQUEST__INIT;
        CLEANUP(free_message) ProtobufCMessage *message = NULL;
        const Privyseal__V1__ListRecoveriesResponse *reply;
        enum cli_exit status;

        request.after = after;
        status =
            connect_operate(cli, "asking what is pending", METHOD_ListRecoveries, &request.base, &message);
        if (status != CLI_DONE)
            return status;
        reply = (const Privyseal__V1__ListRecoveriesResponse *)message;
        for (size_t i = 0; i < reply->n_pending; i++) {
            after = reply->pending[i]->place;
            if (!reply->pending[i]->info || !each(reply->pending[i], arg))
                return CLI_DONE;
        }
        more = reply->more && reply->n_pending;
    }
    return CLI_DONE;
}

static bool add_row(const Privyseal__V1__PendingRecovery *pending, void *arg)
{
    json_t *row = request_object(pending->info);

    json_object_set_new(row, "user", json_string(pending->user));
    json_object_set_new(row, "count", json_integer((json_int_t)pending->info->n_given));
    json_array_append_new(arg, row);
    return true;
}

enum cli_exit cmd_recovery_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "user", "USER" },           { "request", "REQUEST" }, { "asked", "ASKED" },
        { "count", "SHARES" },        { "needed", "NEEDED" },   { "not_before", "NOT BEFORE" },
        { "not_after", "NOT AFTER" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    enum cli_exit status = each_pending(cli, add_row, rows);

    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}

/* An officer with a key, looking for the share that it opens. */
struct search {
    const char *realm, *user;
    struct secret *key;
    bool is_found;   /* the user's request */
    uint32_t number; /* of the share; 0: none opens to this key */
    struct secret *share;
    uint8_t request[QUORUM_NAME_LEN];
};

static bool try_shares(const Privyseal__V1__PendingRecovery *pending, void *arg)
{
    struct search *search = arg;
    const struct officer_quorum quorum = { search->realm, search->user, pack_lend(&pending->name),
                                           pending->info->needed };

    if (strcmp(pending->user, search->user) != 0)
        return true;
    if (pending->info->request.len != QUORUM_NAME_LEN)
        return false;
    search->is_found = true;
    memcpy(search->request, pending->info->request.data, QUORUM_NAME_LEN);
    for (size_t i = 0; i < pending->n_share && !search->number; i++)
        if (officer_share_open(NULL, &quorum, pending->share[i]->number, secret_bytes(search->key),
                               pack_lend(&pending->share[i]->sealed), &search->share) == 0)
            search->number = pending->share[i]->number;
    return false;
}

static enum cli_exit send_share(struct cli *cli, const struct search *search)
{
    Privyseal__V1__ContributeShareRequest request = PRIVYSEAL__V1__CONTRIBUTE_SHARE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ContributeShareResponse *reply;
    enum cli_exit status;

    request.token = (char *)search->user;
    request.request = pack_borrow(BYTES_OF_ARRAY(search->request));
    request.number = search->number;
    request.share = pack_borrow(secret_bytes(search->share));
    status = connect_operate(cli, "giving the share", METHOD_ContributeShare, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ContributeShareResponse *)message;
    return output_done(
        cli,
        json_pack("{s:s, s:i, s:i}", "user", search->user, "given", (int)reply->given, "needed",
                  (int)reply->needed),
        "The share is given: %u of %u. The user finishes with `privyseal pin recover --quorum`.",
        reply->given, reply->needed);
}

static enum cli_exit confirm_give(struct cli *cli, const struct search *search)
{
    char request[2 * QUORUM_NAME_LEN + 1], question[512];

    hex_encode(BYTES_OF_ARRAY(search->request), request);
    snprintf(question, sizeof(question),
             "Ask %.32s, by voice or in person, which request is shown: is it %s?\n"
             "Give your share for a new PIN of whoever made it? yes/no: ",
             search->user, request);
    return connect_confirm(cli, question, "nothing was given");
}

static enum cli_exit give(struct cli *cli, struct search *search)
{
    enum cli_exit status = connect_remote(cli);

    if (status != CLI_DONE)
        return status;
    search->realm = cli->deployment->realm;
    status = each_pending(cli, try_shares, search);
    if (status != CLI_DONE)
        return status;
    if (!search->is_found)
        return cli_fail(cli, CLI_REFUSED, "`privyseal recovery list` shows what is pending.",
                        "%s has not asked for help", search->user);
    if (!search->number)
        return cli_fail(cli, CLI_REFUSED, "Is it the key that this deployment certified?",
                        "no share of %s opens to this key", search->user);
    status = confirm_give(cli, search);
    return status == CLI_DONE ? send_share(cli, search) : status;
}

enum cli_exit cmd_recovery_give(struct cli *cli)
{
    struct search search = { .user = cli->args[0] };
    const char *path = cli_option(cli, "officer-key");
    uint8_t public_key[HPKE_KEY_LEN];
    enum cli_exit status;
    int r;

    if (!path)
        return cli_fail(cli, CLI_USAGE, NULL, "give --officer-key FILE: the share opens to nothing else");
    r = officer_load_private(path, &search.key, public_key);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "`privyseal officer key` made it.", "%s: %s", path, strerror(-r));
    status = give(cli, &search);
    secret_free(search.key);
    secret_free(search.share);
    return status;
}
