/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_group.c - group add, remove, list, show, join, leave: groups of tokens. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/connect.h"
#include "cli/group_members.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "include/table.h"
#include "proto/limits.h"

#define PAGE 1000 /* names asked for at a time */

enum cli_exit cmd_group_add(struct cli *cli)
{
    Privyseal__V1__AddGroupRequest request = PRIVYSEAL__V1__ADD_GROUP_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    enum cli_exit status;

    request.group = cli->args[0];
    status = connect_operate(cli, "adding the group", METHOD_AddGroup, &request.base, &reply);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "group", cli->args[0]), "Added the group \"%s\".",
                       cli->args[0]);
}

static enum cli_exit list_page(struct cli *cli, json_t *rows, char after[NAME_MAX_LEN + 1], bool *ret_more)
{
    Privyseal__V1__ListGroupsRequest request = PRIVYSEAL__V1__LIST_GROUPS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ListGroupsResponse *reply;
    enum cli_exit status;

    request.after = after;
    request.limit = PAGE;
    status = connect_operate(cli, "listing groups", METHOD_ListGroups, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ListGroupsResponse *)message;
    for (size_t i = 0; i < reply->n_group; i++) {
        json_array_append_new(rows, json_pack("{s:s}", "group", reply->group[i]));
        snprintf(after, NAME_MAX_LEN + 1, "%s", reply->group[i]);
    }
    *ret_more = reply->more && reply->n_group;
    return CLI_DONE;
}

enum cli_exit cmd_group_list(struct cli *cli)
{
    static const struct column columns[] = { { "group", "GROUP" } };
    CLEANUP(json_decref) json_t *rows = json_array();
    char after[NAME_MAX_LEN + 1] = "";
    bool more = true;

    while (more) {
        enum cli_exit status = list_page(cli, rows, after, &more);

        if (status != CLI_DONE)
            return status;
    }
    return output_table(cli, rows, columns, ARRAY_SIZE(columns));
}

enum cli_exit cmd_group_show(struct cli *cli)
{
    CLEANUP(json_decref) json_t *members = NULL, *grants = NULL, *object = NULL;
    enum cli_exit status = group_members_list(cli, cli->args[0], &members, &grants);

    if (status != CLI_DONE)
        return status;
    object = json_pack("{s:s, s:I, s:O, s:O}", "group", cli->args[0], "count",
                       (json_int_t)json_array_size(members), "grants", grants, "members", members);
    return output_object(cli, object);
}

/* ------------------------------------------------------------------------------------------------- members */

static enum cli_exit change_members(struct cli *cli, const char *group, char **users, size_t count,
                                    bool leaves, size_t *changed)
{
    Privyseal__V1__ChangeMembersRequest request = PRIVYSEAL__V1__CHANGE_MEMBERS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    enum cli_exit status;

    request.group = (char *)group;
    request.user = users;
    request.n_user = count;
    request.remove = leaves;
    status = connect_operate(cli, "changing the group", METHOD_ChangeMembers, &request.base, &reply);
    if (status == CLI_DONE)
        *changed += ((const Privyseal__V1__ChangeMembersResponse *)reply)->changed;
    return status;
}

static enum cli_exit change_all(struct cli *cli, const char *group, char **users, size_t total, bool leaves,
                                size_t *ret_changed)
{
    struct progress progress = progress_start("users", total);
    enum cli_exit status = CLI_DONE;

    *ret_changed = 0;
    for (size_t done = 0; status == CLI_DONE && done < total; done += MEMBERS_CHANGED_MAX) {
        size_t count = total - done < MEMBERS_CHANGED_MAX ? total - done : MEMBERS_CHANGED_MAX;

        status = change_members(cli, group, users + done, count, leaves, ret_changed);
        for (size_t i = 0; i < count; i++)
            progress_step(&progress);
    }
    progress_end(&progress);
    return status;
}

static enum cli_exit change(struct cli *cli, bool leaves)
{
    size_t changed;
    enum cli_exit status =
        change_all(cli, cli->args[0], cli->args + 1, (size_t)cli->arg_count - 1, leaves, &changed);

    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s, s:I}", "group", cli->args[0], "changed", (json_int_t)changed),
                       "%zu %s the group \"%s\".", changed, leaves ? "left" : "joined", cli->args[0]);
}

enum cli_exit cmd_group_join(struct cli *cli)
{
    return change(cli, false);
}

enum cli_exit cmd_group_leave(struct cli *cli)
{
    return change(cli, true);
}

/* --------------------------------------------------------------------------------------------------- remove */

static enum cli_exit empty_group(struct cli *cli, const char *group, json_t *members)
{
    size_t count = json_array_size(members), changed;
    CLEANUP(free) void *memory = calloc(count + 1, sizeof(char *));
    char **names = memory;

    if (!names)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        names[i] = (char *)json_string_value(json_array_get(members, i));
    return change_all(cli, group, names, count, true, &changed);
}

enum cli_exit cmd_group_remove(struct cli *cli)
{
    Privyseal__V1__RemoveGroupRequest request = PRIVYSEAL__V1__REMOVE_GROUP_REQUEST__INIT;
    CLEANUP(json_decref) json_t *members = NULL, *grants = NULL;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    const char *group = cli->args[0];
    enum cli_exit status = group_members_list(cli, group, &members, &grants);
    char question[160];

    snprintf(question, sizeof(question),
             "Remove the group \"%.64s\", which has %zu members and is granted to %zu? yes/no: ", group,
             json_array_size(members), json_array_size(grants));
    if (status == CLI_DONE)
        status = connect_confirm(cli, question, "nothing was removed");
    if (status == CLI_DONE)
        status = empty_group(cli, group, members);
    request.group = (char *)group;
    if (status == CLI_DONE)
        status = connect_operate(cli, "removing the group", METHOD_RemoveGroup, &request.base, &reply);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "removed", group),
                       "Removed the group \"%s\"; the users and their tokens stay as they are.", group);
}
