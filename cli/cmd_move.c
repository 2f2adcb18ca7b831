/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_move.c - user move and partition bind (the operator's half), token move (the user's): into a partition. */
#include "cli/commands.h"

#include <string.h>

#include "cli/connect.h"
#include "cli/output.h"

/* Partitions are all that one can move to: from there, keys go nowhere. */
static enum cli_exit check_custody(struct cli *cli)
{
    const char *custody = cli_option(cli, "custody");

    if (custody && strcmp(custody, "partition") == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, NULL, "say --custody partition: there is nothing else to move to");
}

/* @serial: of a partition that is there; "": one is made when the user comes. */
static enum cli_exit give_partition(struct cli *cli, char *serial)
{
    Privyseal__V1__MoveUserRequest request = PRIVYSEAL__V1__MOVE_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *reply = NULL;
    const char *further = serial[0] ? " --transport-pin-file FILE" : "";
    enum cli_exit status;
    bool is_moved;

    request.user = cli->args[0];
    request.custody = PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION;
    request.partition = serial;
    status = connect_operate(cli, serial[0] ? "binding the partition" : "moving the user", METHOD_MoveUser,
                             &request.base, &reply);
    if (status != CLI_DONE)
        return status;
    is_moved = ((const Privyseal__V1__MoveUserResponse *)reply)->moved;
    return output_done(
        cli, json_pack("{s:s, s:b, s:s}", "user", cli->args[0], "moved", is_moved, "partition", serial),
        is_moved ? "The user has no PIN yet; what is left is: privyseal pin set%s"
                 : "A partition signer serves this user now. What is left takes the user's PIN: "
                   "privyseal token move --custody partition%s",
        further);
}

enum cli_exit cmd_user_move(struct cli *cli)
{
    enum cli_exit status = check_custody(cli);

    return status == CLI_DONE ? give_partition(cli, "") : status;
}

enum cli_exit cmd_partition_bind(struct cli *cli)
{
    if (!cli->args[1][0])
        return cli_fail(cli, CLI_USAGE, NULL, "a partition's serial number is not empty");
    return give_partition(cli, cli->args[1]);
}

static CK_RV move(struct cli *cli, struct bytes typed, void *transport, struct remote_error *error)
{
    return remote_token_move(cli->token, typed, transport, error);
}

enum cli_exit cmd_token_move(struct cli *cli)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(transport_clear) struct transport transport = { 0 };
    const struct remote_transport *lent = NULL;
    enum cli_exit status = check_custody(cli);

    if (status == CLI_DONE)
        status = connect_token(cli);
    if (status == CLI_DONE)
        status = connect_confirm(cli,
                                 "New keys will be made in an HSM partition of your own, which opens to your "
                                 "PIN alone. Keys cannot move: "
                                 "those you have stay as they are until you delete them, so make a new key, "
                                 "have a certificate issued for "
                                 "it, and have the old one revoked. There will be no way back for a "
                                 "forgotten PIN, your other devices log "
                                 "in anew, and nothing moves back. Move?",
                                 "Nothing was changed.");
    if (status == CLI_DONE)
        status = connect_pin(cli, "pin-file", "PIN: ", false, &pin);
    if (status == CLI_DONE)
        status = connect_transport(cli, &transport, &lent);
    if (status == CLI_DONE)
        status = connect_with_code(cli, "moving the token", pin, move, (void *)lent);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "custody", "partition"),
                       "The token is a partition now. Next: privyseal key generate");
}
