/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_grant.c - grant add, remove, list: which principal may use whose token. */
#include "cli/commands.h"

#include "cli/connect.h"
#include "cli/grant_words.h"
#include "cli/output.h"
#include "include/table.h"

#define MAY_DEFAULT "see,sign"

/* Either a user is named, or a group. */
static enum cli_exit fill_whom(struct cli *cli, int index, char **ret_user, char **ret_group)
{
    const char *group = cli_option(cli, "group");

    if ((cli->arg_count > index) == (group != NULL))
        return cli_fail(cli, CLI_USAGE, NULL, "name either a user or, with --group, a group");
    if (group)
        *ret_group = (char *)group;
    else
        *ret_user = cli->args[index];
    return CLI_DONE;
}

static enum cli_exit set_grant(struct cli *cli, unsigned bits, const char *doing)
{
    Privyseal__V1__SetGrantRequest request = PRIVYSEAL__V1__SET_GRANT_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    char words[GRANT_WORDS_MAX];
    enum cli_exit status;

    request.principal = cli->args[0];
    request.bits = bits;
    status = fill_whom(cli, 1, &request.user, &request.group);
    if (status == CLI_DONE)
        status = connect_operate(cli, doing, METHOD_SetGrant, &request.base, &reply);
    if (status != CLI_DONE)
        return status;
    grant_words(bits, words);
    object = json_pack("{s:s, s:s, s:s, s:s}", "principal", cli->args[0], "user", request.user, "group",
                       request.group, "may", words);
    return output_object(cli, object);
}

enum cli_exit cmd_grant_add(struct cli *cli)
{
    const char *may = cli_option(cli, "may");
    unsigned bits = grant_bits_of(may ? may : MAY_DEFAULT);

    if (!bits)
        return cli_fail(cli, CLI_USAGE, NULL,
                        "--may is some of see, sign and make-keys with commas between them");
    return set_grant(cli, bits, "granting");
}

enum cli_exit cmd_grant_remove(struct cli *cli)
{
    return set_grant(cli, 0, "taking the grant back");
}

enum cli_exit cmd_grant_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "principal", "PRINCIPAL" }, { "user", "USER" }, { "group", "GROUP" }, { "may", "MAY" }
    };
    Privyseal__V1__ListGrantsRequest request = PRIVYSEAL__V1__LIST_GRANTS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *rows = NULL;
    const char *principal = cli_option(cli, "principal");
    const Privyseal__V1__ListGrantsResponse *reply;
    enum cli_exit status = CLI_DONE;

    if (principal && (cli->arg_count || cli_option(cli, "group")))
        return cli_fail(cli, CLI_USAGE, NULL, "name a user, a group or a principal, not two of them");
    if (principal)
        request.principal = (char *)principal;
    else
        status = fill_whom(cli, 0, &request.user, &request.group);
    if (status == CLI_DONE)
        status = connect_operate(cli, "listing grants", METHOD_ListGrants, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListGrantsResponse *)message;
    rows = grant_objects(reply->grant, reply->n_grant);
    status = output_table(cli, rows, columns, ARRAY_SIZE(columns));
    if (reply->more)
        output_say(cli, "There are more; list them by user or group.");
    return status;
}
