/* SPDX-License-Identifier: Apache-2.0 */
/* group_members.c - pages of names into one list. */
#include "cli/group_members.h"

#include <stdio.h>

#include "cli/connect.h"
#include "cli/grant_words.h"
#include "proto/limits.h"

#define PAGE 1000 /* names asked for at a time */

static enum cli_exit list_page(struct cli *cli, const char *group, json_t *members,
                               char after[NAME_MAX_LEN + 1], bool *ret_more, json_t **ret_grants)
{
    Privyseal__V1__ShowGroupRequest request = PRIVYSEAL__V1__SHOW_GROUP_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ShowGroupResponse *reply;
    enum cli_exit status;

    request.group = (char *)group;
    request.after = after;
    request.limit = PAGE;
    status = connect_operate(cli, "asking for the group", METHOD_ShowGroup, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ShowGroupResponse *)message;
    for (size_t i = 0; i < reply->n_member; i++) {
        json_array_append_new(members, json_string(reply->member[i]));
        snprintf(after, NAME_MAX_LEN + 1, "%s", reply->member[i]);
    }
    if (ret_grants && !*ret_grants)
        *ret_grants = grant_objects(reply->grant, reply->n_grant);
    *ret_more = reply->more && reply->n_member;
    return CLI_DONE;
}

enum cli_exit group_members_list(struct cli *cli, const char *group, json_t **ret_members,
                                 json_t **ret_grants)
{
    CLEANUP(json_decref) json_t *members = json_array(), *grants = NULL;
    char after[NAME_MAX_LEN + 1] = "";
    bool more = true;

    while (more) {
        enum cli_exit status = list_page(cli, group, members, after, &more, ret_grants ? &grants : NULL);

        if (status != CLI_DONE)
            return status;
    }
    *ret_members = TAKE(members);
    if (ret_grants)
        *ret_grants = TAKE(grants);
    return CLI_DONE;
}
