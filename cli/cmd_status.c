/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - status: the deployment as one of its signers sees it. */
#include "cli/commands.h"

#include "cli/connect.h"
#include "cli/output.h"

static json_t *lacking(const Privyseal__V1__GetStatusResponse *reply)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < reply->n_lacking; i++)
        json_array_append_new(rows, json_string(reply->lacking[i]));
    return rows;
}

enum cli_exit cmd_status(struct cli *cli)
{
    Privyseal__V1__GetStatusRequest request = PRIVYSEAL__V1__GET_STATUS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    const Privyseal__V1__GetStatusResponse *reply;
    enum cli_exit status;

    status = connect_operate(cli, "asking for the status", METHOD_GetStatus, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__GetStatusResponse *)message;
    object = json_pack("{s:s, s:s, s:I, s:I, s:i, s:I, s:o, s:s, s:s, s:o}", "realm", reply->realm, "version",
                       reply->version, "users", (json_int_t)reply->users, "keys", (json_int_t)reply->keys,
                       "signer", (int)reply->signer, "leases", (json_int_t)reply->leases, "started",
                       output_time(reply->started_unix), "hsm", reply->hsm, "grade", reply->grade,
                       "not_enforced", lacking(reply));
    return output_object(cli, object);
}
