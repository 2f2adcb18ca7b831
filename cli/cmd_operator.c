/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_operator.c - operator add, list, disable, enable: those who run the deployment. */
#include "cli/commands.h"

#include <string.h>

#include "cli/connect.h"
#include "cli/issue.h"
#include "cli/output.h"
#include "include/table.h"

enum cli_exit cmd_operator_add(struct cli *cli)
{
    static const char *const roles[] = { "operator", "officer", "auditor" };
    const char *role = cli_option(cli, "role");
    const char *const *known;

    for (EACH_ROW(known, roles))
        if (!role || strcmp(*known, role) == 0)
            return issue_certificate(cli, *known);
    return cli_fail(cli, CLI_USAGE, NULL, "--role is operator, officer or auditor, not \"%s\"", role);
}

static json_t *operator_object(const Privyseal__V1__OperatorInfo *info)
{
    CLEANUP(json_decref)
    json_t *object =
        json_pack("{s:s, s:b, s:o, s:o}", "name", info->name, "enabled", info->enabled, "good_until",
                  output_time(info->not_after_unix), "created", output_time(info->created_unix));
    char roles[64] = "";

    for (size_t i = 0; i < info->n_role; i++) {
        strncat(roles, i ? ", " : "", sizeof(roles) - strlen(roles) - 1);
        strncat(roles, info->role[i], sizeof(roles) - strlen(roles) - 1);
    }
    json_object_set_new(object, "roles", json_string(roles));
    return json_incref(object);
}

enum cli_exit cmd_operator_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "name", "NAME" },        { "roles", "ROLES" },     { "enabled", "ENABLED" },
        { "good_until", "UNTIL" }, { "created", "CREATED" },
    };
    Privyseal__V1__ListOperatorsRequest request = PRIVYSEAL__V1__LIST_OPERATORS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *rows = json_array();
    const Privyseal__V1__ListOperatorsResponse *reply;
    enum cli_exit status;

    status = connect_operate(cli, "listing operators", METHOD_ListOperators, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListOperatorsResponse *)message;
    for (size_t i = 0; i < reply->n_operator_; i++)
        json_array_append_new(rows, operator_object(reply->operator_[i]));
    return output_table(cli, rows, columns, ARRAY_SIZE(columns));
}

static enum cli_exit set_enabled(struct cli *cli, bool is_enabled)
{
    Privyseal__V1__SetOperatorEnabledRequest request = PRIVYSEAL__V1__SET_OPERATOR_ENABLED_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    enum cli_exit status;

    request.name = cli->args[0];
    request.enabled = is_enabled;
    status = connect_operate(cli, is_enabled ? "enabling" : "disabling", METHOD_SetOperatorEnabled,
                             &request.base, &reply);
    return status == CLI_DONE
               ? output_done(cli, json_pack("{s:s, s:b}", "name", cli->args[0], "enabled", is_enabled),
                             "%s is %s.", cli->args[0],
                             is_enabled ? "let in again" : "let in no more, and what was asked for is void")
               : status;
}

enum cli_exit cmd_operator_disable(struct cli *cli)
{
    return set_enabled(cli, false);
}

enum cli_exit cmd_operator_enable(struct cli *cli)
{
    return set_enabled(cli, true);
}
