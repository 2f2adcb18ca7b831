/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pin_recover.c - pin recover (the user's, who forgot it), pin reset (the operator's, who ends everything). */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/activation.h"
#include "cli/connect.h"
#include "cli/new_secret.h"
#include "cli/output.h"
#include "cli/recovery_code.h"
#include "client/remote_recovery.h"
#include "proto/name.h"
#include "proto/pack.h"

/* A device without a secret gets the user's, if the code brings one: the new PIN is made with it, too. */
static enum cli_exit take_secret(struct cli *cli, const struct secret *code)
{
    struct secret *secret = NULL;
    struct remote_error error = { 0 };
    CK_RV rv;

    if (cli->identity->device_secret)
        return CLI_DONE;
    rv = remote_token_fetch_recovery(cli->token, secret_bytes(code), &secret, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "presenting the recovery code", rv, &error);
    return secret ? new_secret_take(cli, secret) : CLI_DONE;
}

/* The fresh code is made before it is sent, and shown when it counts. */
static enum cli_exit recover_by_code(struct cli *cli)
{
    CLEANUP(secret_free) struct secret *code = NULL;
    CLEANUP(secret_free) struct secret *next = NULL;
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = recovery_code_read(cli, &code);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_pin(cli, "new-pin-file", "New PIN: ", true, &pin);
    if (status == CLI_DONE)
        status = take_secret(cli, code);
    if (status != CLI_DONE)
        return status;
    if (secret_random(RECOVERY_CODE_LEN, &next) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "no random bytes");
    rv = remote_token_recover_pin(cli->token, secret_bytes(code), secret_bytes(pin), secret_bytes(next),
                                  &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "setting a new PIN", rv, &error);
    output_say(cli, "The new PIN is set. The code that was used is void; this is the one from now on:\n");
    return recovery_code_print(cli, next, "used");
}

static enum cli_exit request_shown(struct cli *cli, const Privyseal__V1__RecoveryInfo *info)
{
    char request[2 * QUORUM_NAME_LEN + 1] = "";

    if (!info || info->request.len != QUORUM_NAME_LEN)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server's answer lacks the request");
    hex_encode(pack_lend(&info->request), request);
    return output_done(
        cli,
        json_pack("{s:s, s:i, s:i, s:o}", "request", request, "needed", (int)info->needed, "given",
                  (int)info->n_given, "not_before", output_time(info->from_unix)),
        "Officers were asked: %zu of %u have given their share.\nTell each of them, by voice or in "
        "person, that the request is %s;\nthen say `privyseal pin recover --quorum` again, with the same "
        "new PIN.",
        info->n_given, info->needed, request);
}

static enum cli_exit ask_officers(struct cli *cli, const struct secret *pin)
{
    Privyseal__V1__RequestRecoveryResponse *reply = NULL;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    struct remote_error error = { 0 };
    CK_RV rv = remote_token_request_recovery(cli->token, secret_bytes(pin), &reply, &error);

    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking the officers", rv, &error);
    message = &reply->base;
    return request_shown(cli, reply->request);
}

static enum cli_exit finish(struct cli *cli, const Privyseal__V1__RecoveryInfo *info,
                            const struct secret *pin)
{
    struct remote_error error = { 0 };
    CK_RV rv = remote_token_finish_recovery(cli->token, pack_lend(&info->request), secret_bytes(pin), &error);

    if (rv != CKR_OK && error.failure.reason == REASON_RECOVERY_WAITING)
        return request_shown(cli, info);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "finishing the recovery", rv, &error);
    return output_done(
        cli, json_pack("{s:s}", "pin", "recovered"),
        "The new PIN is set. What the officers held is void: `privyseal recovery quorum on` lets them help "
        "again.");
}

/* One command for both ends of it: asks when nothing is under way, else finishes. */
static enum cli_exit recover_by_officers(struct cli *cli)
{
    Privyseal__V1__GetRecoveryResponse *reply = NULL;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct remote_error error = { 0 };
    CK_RV rv = remote_token_recovery(cli->token, &reply, &error);
    enum cli_exit status;

    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the ways back", rv, &error);
    message = &reply->base;
    if (!reply->quorum)
        return cli_fail(cli, CLI_REFUSED,
                        "An operator's `privyseal pin reset` destroys the keys and begins anew.",
                        "officers cannot help: they hold no shares for this token");
    status = connect_pin(cli, "new-pin-file", "New PIN: ", true, &pin);
    if (status != CLI_DONE)
        return status;
    return reply->request ? finish(cli, reply->request, pin) : ask_officers(cli, pin);
}

enum cli_exit cmd_pin_recover(struct cli *cli)
{
    enum cli_exit status = connect_token(cli);

    if (status != CLI_DONE)
        return status;
    return cli_option(cli, "quorum") ? recover_by_officers(cli) : recover_by_code(cli);
}

/* ------------------------------------------------------------------------------------------------ pin reset */

static enum cli_exit confirm_reset(struct cli *cli)
{
    Privyseal__V1__ShowUserRequest request = PRIVYSEAL__V1__SHOW_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__ShowUserResponse *reply;
    char question[512];
    enum cli_exit status;

    request.user = cli->args[0];
    status = connect_operate(cli, "showing the user", METHOD_ShowUser, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__ShowUserResponse *)message;
    snprintf(question, sizeof(question),
             "This destroys %zu keys and %zu certificates of %.32s, which are revoked; the PIN, the recovery "
             "code,\n"
             "officers' shares and the second factor. Nobody brings them back. Destroy them? yes/no: ",
             reply->n_key, reply->n_certificate, cli->args[0]);
    return connect_confirm(cli, question, "nothing was destroyed");
}

enum cli_exit cmd_pin_reset(struct cli *cli)
{
    Privyseal__V1__ResetUserRequest request = PRIVYSEAL__V1__RESET_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    enum cli_exit status;
    long hours;

    status = cli_option_number(cli, "hours", 168, 1, 2160, &hours);
    if (status == CLI_DONE)
        status = confirm_reset(cli);
    if (status != CLI_DONE)
        return status;
    request.user = cli->args[0];
    request.activation_hours = (uint32_t)hours;
    status = connect_operate(cli, "resetting the user", METHOD_ResetUser, &request.base, &message);
    return status == CLI_DONE
               ? activation_print_reset(cli, cli->args[0], (const Privyseal__V1__ResetUserResponse *)message)
               : status;
}
