/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - status: the deployment as one of its signers sees it, and what all others said of themselves. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/connect.h"
#include "cli/fleet.h"
#include "cli/output.h"
#include "include/table.h"

static json_t *lacking(const Privyseal__V1__GetStatusResponse *reply)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < reply->n_lacking; i++)
        json_array_append_new(rows, json_string(reply->lacking[i]));
    return rows;
}

/* For people, that there may be more; for programs that is a member of its own. */
static json_t *counted(const struct cli *cli, uint64_t count, uint64_t most)
{
    return most && count >= most && !cli->is_json ? json_sprintf("%llu or more", (unsigned long long)count)
                                                  : json_integer((json_int_t)count);
}

static json_t *describe(const struct cli *cli, const Privyseal__V1__GetStatusResponse *reply)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:o, s:o, s:s, s:i, s:I, s:o, s:s, s:s, s:o}", "realm", reply->realm, "version",
        reply->version, "users", counted(cli, reply->users, reply->count_most), "keys",
        counted(cli, reply->keys, reply->count_most), "proxy", reply->proxy, "signer", (int)reply->signer,
        "leases", (json_int_t)reply->leases, "started", output_time(reply->started_unix), "hsm", reply->hsm,
        "grade", reply->grade, "not_enforced", lacking(reply));

    if (cli->is_json)
        json_object_set_new(object, "count_most", json_integer((json_int_t)reply->count_most));
    return object;
}

static enum cli_exit show(const struct cli *cli, json_t *object, json_t *fleet)
{
    static const struct column columns[] = {
        { "proxy", "PROXY" },     { "hsm", "HSM" },
        { "state", "STATE" },     { "serving", "SERVING" },
        { "signers", "OF" },      { "leases", "UNLOCKED" },
        { "version", "VERSION" }, { "silent_s", "SEEN S AGO" },
        { "note", "NOTE" },
    };

    if (cli->is_json) {
        json_object_set(object, "fleet", fleet);
        return output_object(cli, object);
    }
    (void)output_object(cli, object);
    putchar('\n');
    return output_table(cli, fleet, columns, ARRAY_SIZE(columns));
}

enum cli_exit cmd_status(struct cli *cli)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL, *fleet = NULL;
    const Privyseal__V1__GetStatusResponse *reply;
    enum cli_exit status;

    status = connect_operate(cli, "asking for the status", METHOD_GetStatus, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__GetStatusResponse *)message;
    object = describe(cli, reply);
    fleet = fleet_rows(reply);
    return show(cli, object, fleet);
}
