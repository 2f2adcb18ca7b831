/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pin.c - pin set, change (the user's), unlock (the operator's). */
#include "cli/commands.h"

#include "cli/connect.h"
#include "cli/names.h"
#include "cli/new_secret.h"
#include "cli/output.h"
#include "proto/name.h"

enum cli_exit cmd_pin_set(struct cli *cli)
{
    CLEANUP(new_secret_undo) struct new_secret made = { 0 };
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(transport_clear) struct transport transport = { 0 };
    struct remote_beginning beginning = { .keeps_recovery = cli_option(cli, "recovery") };
    struct remote_error error = { 0 };
    uint8_t code[ACTIVATION_CODE_LEN];
    enum cli_exit status = connect_token(cli);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_code(cli, "Activation code: ", code);
    if (status == CLI_DONE)
        status = connect_pin(cli, "pin-file", "New PIN: ", true, &pin);
    if (status == CLI_DONE)
        status = connect_transport(cli, &transport, &beginning.transport);
    if (status == CLI_DONE)
        status = new_secret_plan(cli, &made);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_begin(cli->token, BYTES_OF_ARRAY(code), secret_bytes(pin), &beginning, &error);
    secret_wipe(code, sizeof(code));
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "setting the PIN", rv, &error);
    status = new_secret_keep(cli, &made);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "pin", "set"), "The PIN is set. Next: privyseal key generate");
}

static CK_RV change(struct cli *cli, struct bytes typed, void *new_pin, struct remote_error *error)
{
    return remote_token_change_pin(cli->token, typed, secret_bytes(new_pin), error);
}

/* A recovery code from before carries no device secret. */
static bool needs_another_code(struct cli *cli)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    struct remote_error error = { 0 };

    return remote_token_snapshot(cli->token, 0, &snapshot, &error) == CKR_OK &&
           snapshot->content->has_recovery_code;
}

enum cli_exit cmd_pin_change(struct cli *cli)
{
    CLEANUP(new_secret_undo) struct new_secret made = { 0 };
    CLEANUP(secret_free) struct secret *old_pin = NULL;
    CLEANUP(secret_free) struct secret *new_pin = NULL;
    enum cli_exit status = connect_token(cli);
    bool is_code_old;

    if (status == CLI_DONE)
        status = connect_pin(cli, "pin-file", "Old PIN: ", false, &old_pin);
    if (status == CLI_DONE)
        status = connect_pin(cli, "new-pin-file", "New PIN: ", true, &new_pin);
    if (status == CLI_DONE)
        status = new_secret_plan(cli, &made);
    if (status != CLI_DONE)
        return status;
    status = connect_with_code(cli, "changing the PIN", old_pin, change, new_pin);
    if (status != CLI_DONE)
        return status;
    is_code_old = made.is_made && needs_another_code(cli);
    status = new_secret_keep(cli, &made);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s, s:b}", "pin", "changed", "recovery_code_is_old", is_code_old),
                       "The PIN is changed. Keys and certificates are as they were.%s",
                       is_code_old
                           ? "\nThe recovery code does not bring the device secret: make another with "
                             "`privyseal recovery make`."
                           : "");
}

enum cli_exit cmd_pin_unlock(struct cli *cli)
{
    Privyseal__V1__UnlockPinRequest request = PRIVYSEAL__V1__UNLOCK_PIN_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status;

    request.user = cli->args[0];
    status = connect_operate(cli, "unlocking the PIN", METHOD_UnlockPin, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    object = json_pack("{s:s, s:s}", "user", cli->args[0], "pin_was",
                       names_pin_state(((const Privyseal__V1__UnlockPinResponse *)message)->pin_state));
    return output_object(cli, object);
}
