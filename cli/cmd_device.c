/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_device.c - device code, list, revoke: the user's, and the operator's for a user. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/connect.h"
#include "cli/enrol_uri.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/qr.h"
#include "include/table.h"
#include "proto/device_code.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proto/pack.h"

/* ------------------------------------------------------------------------------------------------- device code */

/* A code made here, and what the server gets of it. */
struct new_code {
    struct enrol_uri uri;
    struct secret *proof;
};

static void new_code_clear(struct new_code *code)
{
    enrol_uri_clear(&code->uri);
    secret_free(code->proof);
}
DEFINE_CLEAR(new_code_clear, struct new_code);

/* The root that the new device is to find at the server. */
static enum cli_exit fingerprint_root(struct cli *cli, uint8_t ret[HASH_LEN])
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *roots = NULL;

    if (certificate_load_file(NULL, cli->deployment->ca, &roots) < 0 || sk_X509_num(roots) < 1 ||
        certificate_hash(NULL, sk_X509_value(roots, 0), ret) < 0)
        return cli_fail(cli, CLI_REFUSED, "Check `ca` in the [deployment] section.", "%s: no certificate",
                        cli->deployment->ca);
    return CLI_DONE;
}

static enum cli_exit make_code(struct cli *cli, const char *user, struct new_code *ret)
{
    CLEANUP(secret_free) struct secret *code = NULL;
    enum cli_exit status = fingerprint_root(cli, ret->uri.ca);

    if (status != CLI_DONE)
        return status;
    if (!name_is_valid(bytes_of_text(user)))
        return cli_fail(cli, CLI_USAGE, NULL, "\"%s\" cannot be a user's name", user);
    strcpy(ret->uri.user,
           user); /* a valid name: at most NAME_MAX_LEN; so is the realm, by the configuration */
    strcpy(ret->uri.realm, cli->deployment->realm);
    if (secret_random(DEVICE_CODE_LEN, &code) < 0 ||
        device_code_proof(NULL, ret->uri.realm, user, secret_bytes(code), &ret->proof) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "no random bytes, or out of memory");
    memcpy(ret->uri.code, code->data, DEVICE_CODE_LEN);
    ret->uri.has_code = true;
    return CLI_DONE;
}

/* ":7444": that port of the host we talk to ourselves. */
static enum cli_exit set_server(struct cli *cli, const char *address, struct enrol_uri *uri)
{
    const char *known = cli->deployment->endpoints[0], *colon = strrchr(known, ':');
    int host_len = *address == ':' && colon ? (int)(colon - known) : 0;
    char text[ENROL_SERVER_MAX + 8];

    if (snprintf(text, sizeof(text), "%.*s%s", host_len, known, address) >= (int)sizeof(text) ||
        enrol_server_parse(text, uri->server) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server names no address to enrol at");
    return CLI_DONE;
}

static enum cli_exit show_code(struct cli *cli, const struct new_code *code, uint64_t expires_unix)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char uri[ENROL_URI_MAX + 1], text[ACTIVATION_TEXT_MAX];
    enum cli_exit status;

    activation_code_text(code->uri.code, text);
    if (enrol_uri_format(&code->uri, uri) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "the address to enrol at is too long");
    object = json_pack("{s:s, s:s, s:o, s:s}", "user", code->uri.user, "device_code", text, "good_until",
                       output_time(expires_unix), "uri", uri);
    status = output_object(cli, object);
    if (!cli->is_json && status == CLI_DONE && qr_print(stdout, uri) < 0)
        status = cli_fail(cli, CLI_REFUSED, NULL, "the code does not fit a QR code");
    output_say(cli, "\nOn the new device, once:\n  privyseal device enroll 'THE URI ABOVE'\n"
                    "Whoever has the code still needs the PIN.");
    secret_wipe(uri, sizeof(uri));
    secret_wipe(text, sizeof(text));
    return status;
}

/* Along with the code goes the device secret, if there is one, sealed under what only the code gives. */
static enum cli_exit seal_secret(struct cli *cli, const struct new_code *code, struct buffer *ret)
{
    const struct secret *secret = remote_device_secret(cli->remote);

    if (secret && device_code_seal(NULL, code->uri.realm, code->uri.user, BYTES_OF_ARRAY(code->uri.code),
                                   secret_bytes(secret), ret) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "the device secret could not be sealed");
    return CLI_DONE;
}

static enum cli_exit code_of_user(struct cli *cli)
{
    Privyseal__V1__MakeDeviceCodeRequest request = PRIVYSEAL__V1__MAKE_DEVICE_CODE_REQUEST__INIT;
    CLEANUP(new_code_clear) struct new_code code = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__MakeDeviceCodeResponse *reply;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status == CLI_DONE)
        status = make_code(cli, connect_token_name(cli), &code);
    if (status == CLI_DONE)
        status = seal_secret(cli, &code, &sealed);
    if (status != CLI_DONE)
        return status;
    request.code_proof = pack_borrow(secret_bytes(code.proof));
    request.sealed_secret = pack_borrow(buffer_bytes(&sealed));
    rv = remote_token_manage(cli->token, METHOD_MakeDeviceCode, &request.base, &message, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "making a device code", rv, &error);
    reply = (const Privyseal__V1__MakeDeviceCodeResponse *)message;
    status = set_server(cli, reply->endpoint, &code.uri);
    return status == CLI_DONE ? show_code(cli, &code, reply->expires_unix) : status;
}

static enum cli_exit code_of_operator(struct cli *cli, const char *user)
{
    Privyseal__V1__AddDeviceCodeRequest request = PRIVYSEAL__V1__ADD_DEVICE_CODE_REQUEST__INIT;
    CLEANUP(new_code_clear) struct new_code code = { 0 };
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__AddDeviceCodeResponse *reply;
    enum cli_exit status = connect_configure(cli);
    long hours;

    if (status == CLI_DONE)
        status = cli_option_number(cli, "hours", 24, 1, 168, &hours);
    if (status == CLI_DONE)
        status = make_code(cli, user, &code);
    if (status != CLI_DONE)
        return status;
    request.user = (char *)user;
    request.hours = (uint32_t)hours;
    request.code_proof = pack_borrow(secret_bytes(code.proof));
    status = connect_operate(cli, "making a device code", METHOD_AddDeviceCode, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__AddDeviceCodeResponse *)message;
    status = set_server(cli, reply->endpoint, &code.uri);
    return status == CLI_DONE ? show_code(cli, &code, reply->expires_unix) : status;
}

enum cli_exit cmd_device_code(struct cli *cli)
{
    return cli->arg_count ? code_of_operator(cli, cli->args[0]) : code_of_user(cli);
}

/* ------------------------------------------------------------------------------------------------- device list */

enum cli_exit cmd_device_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "label", "LABEL" },           { "state", "STATE" }, { "since", "SINCE" },
        { "good_until", "GOOD UNTIL" }, { "role", "ROLE" },   { "fingerprint", "FINGERPRINT" },
    };
    Privyseal__V1__ListDevicesRequest request = PRIVYSEAL__V1__LIST_DEVICES_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *rows = NULL;
    const Privyseal__V1__ListDevicesResponse *reply;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_manage(cli->token, METHOD_ListDevices, &request.base, &message, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "listing devices", rv, &error);
    reply = (const Privyseal__V1__ListDevicesResponse *)message;
    rows = names_devices(reply->device, reply->n_device);
    return output_table(cli, rows, columns, ARRAY_SIZE(columns));
}

/* ----------------------------------------------------------------------------------------------- device revoke */

static enum cli_exit revoke_own(struct cli *cli, struct bytes fingerprint)
{
    Privyseal__V1__RevokeDeviceRequest request = PRIVYSEAL__V1__REVOKE_DEVICE_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_login(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    request.fingerprint = pack_borrow(fingerprint);
    rv = remote_token_manage(cli->token, METHOD_RevokeDevice, &request.base, &message, &error);
    return rv == CKR_OK ? CLI_DONE : cli_fail_remote(cli, "revoking the device", rv, &error);
}

static enum cli_exit revoke_for(struct cli *cli, const char *user, struct bytes fingerprint)
{
    Privyseal__V1__RevokeForUserRequest request = PRIVYSEAL__V1__REVOKE_FOR_USER_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;

    request.user = (char *)user;
    request.fingerprint = pack_borrow(fingerprint);
    return connect_operate(cli, "revoking the device", METHOD_RevokeForUser, &request.base, &message);
}

enum cli_exit cmd_device_revoke(struct cli *cli)
{
    uint8_t fingerprint[HASH_LEN];
    enum cli_exit status;

    if (enrol_fingerprint_parse(cli->args[0], fingerprint) < 0)
        return cli_fail(cli, CLI_USAGE, "`privyseal device list` shows them; `user show` to an operator.",
                        "\"%s\" is no fingerprint: 64 hexadecimal digits", cli->args[0]);
    status = connect_confirm(
        cli, "Shall the device of this fingerprint never be let in again? yes/no: ", "nothing was revoked");
    if (status == CLI_DONE)
        status = cli->arg_count > 1 ? revoke_for(cli, cli->args[1], BYTES_OF_ARRAY(fingerprint))
                                    : revoke_own(cli, BYTES_OF_ARRAY(fingerprint));
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "revoked", cli->args[0]),
                       "Revoked. What it has unlocked ends within five seconds.");
}
