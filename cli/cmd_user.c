/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_user.c - user add, list, show, enable, disable: what an operator does with users. */
#include "cli/commands.h"

#include <string.h>

#include "cli/activation.h"
#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/name.h"

#define PAGE 500 /* users asked for at a time */

static enum cli_exit check_user_name(struct cli *cli)
{
    if (name_is_valid(bytes_of_text(cli->args[0])))
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE,
                    "1 to 32 bytes, no colon, slash, quote or backslash, no space at the ends.",
                    "\"%s\" cannot be a user's name", cli->args[0]);
}

enum cli_exit cmd_user_add(struct cli *cli)
{
    Privyseal__V1__AddUserRequest request = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    const char *custody = cli_option(cli, "custody");
    enum cli_exit status = check_user_name(cli);
    long hours;

    if (status == CLI_DONE)
        status = cli_option_number(cli, "hours", 168, 1, 8760, &hours);
    if (status != CLI_DONE)
        return status;
    if (custody && strcmp(custody, "wrapped") != 0 && strcmp(custody, "partition") != 0)
        return cli_fail(cli, CLI_USAGE, NULL, "--custody is wrapped or partition, not \"%s\"", custody);
    request.user = cli->args[0];
    request.custody = custody && strcmp(custody, "partition") == 0 ? PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION
                                                                   : PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED;
    request.activation_hours = (uint32_t)hours;
    status = connect_operate(cli, "adding the user", METHOD_AddUser, &request.base, &reply);
    return status == CLI_DONE
               ? activation_print(cli, cli->args[0], (const Privyseal__V1__AddUserResponse *)reply)
               : status;
}

static json_t *user_object(const Privyseal__V1__UserInfo *user)
{
    return json_pack("{s:s, s:b, s:s, s:s, s:i, s:i, s:i, s:o}", "user", user->user, "enabled", user->enabled,
                     "custody", names_custody(user->custody), "pin", names_pin_state(user->pin_state),
                     "failures", (int)user->failures, "keys", (int)user->keys, "certificates",
                     (int)user->certificates, "created", output_time(user->created_unix));
}

/* One page appended to @rows. @after becomes the last name seen. */
static enum cli_exit list_page(struct cli *cli, json_t *rows, char after[NAME_MAX_LEN + 1], unsigned limit,
                               bool *ret_more)
{
    Privyseal__V1__ListUsersRequest request = PRIVYSEAL__V1__LIST_USERS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ListUsersResponse *reply;
    enum cli_exit status;

    request.after = after;
    request.limit = limit;
    request.group = cli_option(cli, "group") ? (char *)cli_option(cli, "group") : request.group;
    request.locked = cli_option(cli, "locked") != NULL;
    request.disabled = cli_option(cli, "disabled") != NULL;
    request.no_pin = cli_option(cli, "no-pin") != NULL;
    status = connect_operate(cli, "listing users", METHOD_ListUsers, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListUsersResponse *)message;
    for (size_t i = 0; i < reply->n_user; i++) {
        json_array_append_new(rows, user_object(reply->user[i]));
        snprintf(after, NAME_MAX_LEN + 1, "%s", reply->user[i]->user);
    }
    *ret_more = reply->more && reply->n_user;
    return CLI_DONE;
}

enum cli_exit cmd_user_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "user", "USER" },          { "enabled", "ENABLED" },
        { "custody", "CUSTODY" },    { "pin", "PIN" },
        { "failures", "FAILED" },    { "keys", "KEYS" },
        { "certificates", "CERTS" }, { "created", "CREATED" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    const char *first = cli_option(cli, "after");
    char after[NAME_MAX_LEN + 1] = "";
    bool more = true;
    long limit;
    enum cli_exit status = cli_option_number(cli, "limit", 0, 1, 1000000000, &limit);

    snprintf(after, sizeof(after), "%s", first ? first : "");
    while (status == CLI_DONE && more) {
        size_t left = limit ? (size_t)limit - json_array_size(rows) : PAGE;

        status = list_page(cli, rows, after, left < PAGE ? (unsigned)left : PAGE, &more);
        more = more && (!limit || json_array_size(rows) < (size_t)limit);
    }
    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}

enum cli_exit cmd_user_show(struct cli *cli)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    const Privyseal__V1__ShowUserResponse *reply;
    enum cli_exit status;

    request.user = cli->args[0];
    status = connect_operate(cli, "showing the user", METHOD_ShowUser, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ShowUserResponse *)message;
    if (!reply->info)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer lacks the user");
    object = user_object(reply->info);
    json_object_set_new(object, "keys", names_keys(reply->key, reply->n_key));
    json_object_set_new(object, "certificates", names_certificates(reply->certificate, reply->n_certificate));
    json_object_set_new(object, "devices", names_devices(reply->device, reply->n_device));
    return output_object(cli, object);
}

/* ---------------------------------------------------------------------------------------------------- delete */

/* What goes, said before it does. */
static enum cli_exit confirm_delete(struct cli *cli)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ShowUserResponse *reply;
    enum cli_exit status;
    char question[256];

    request.user = cli->args[0];
    status = connect_operate(cli, "asking for the user", METHOD_ShowUser, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ShowUserResponse *)message;
    snprintf(question, sizeof(question),
             "Delete the user \"%s\" for good, with %zu keys that nothing brings back, %zu certificates, %zu"
             " devices, and all grants? yes/no: ",
             cli->args[0], reply->n_key, reply->n_certificate, reply->n_device);
    return connect_confirm(cli, question, "nothing was deleted");
}

enum cli_exit cmd_user_delete(struct cli *cli)
{
    Privyseal__V1__DeleteUserRequest request = PRIVYSEAL__V1__DELETE_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__DeleteUserResponse *reply;
    enum cli_exit status = confirm_delete(cli);

    request.user = cli->args[0];
    if (status == CLI_DONE)
        status = connect_operate(cli, "deleting the user", METHOD_DeleteUser, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__DeleteUserResponse *)message;
    return output_done(cli,
                       json_pack("{s:s, s:i, s:i, s:i, s:i}", "deleted", cli->args[0], "keys",
                                 (int)reply->keys, "certificates", (int)reply->certificates, "devices",
                                 (int)reply->devices, "grants", (int)reply->grants),
                       "Deleted \"%s\": %u keys, %u certificates, %u devices, %u grants.", cli->args[0],
                       reply->keys, reply->certificates, reply->devices, reply->grants);
}

static enum cli_exit set_enabled(struct cli *cli, bool is_enabled)
{
    Privyseal__V1__SetUserEnabledRequest request = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status;

    request.user = cli->args[0];
    request.enabled = is_enabled;
    status = connect_operate(cli, is_enabled ? "enabling the user" : "disabling the user",
                             METHOD_SetUserEnabled, &request.base, &reply);
    if (status != CLI_DONE)
        return status;
    object = json_pack("{s:s, s:b}", "user", cli->args[0], "enabled", is_enabled);
    return output_object(cli, object);
}

enum cli_exit cmd_user_disable(struct cli *cli)
{
    return set_enabled(cli, false);
}

enum cli_exit cmd_user_enable(struct cli *cli)
{
    return set_enabled(cli, true);
}
