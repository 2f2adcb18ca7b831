/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_factor.c - factor add, list, remove (the user's), reset (the operator's). */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/qr.h"
#include "proto/limits.h"

#define URI_MAX 512

static enum cli_exit check_kind(struct cli *cli)
{
    if (strcmp(cli->args[0], "totp") == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE,
                    "totp: an authenticator application. Codes that are sent are the operator's policy.",
                    "no second factor to enrol is called \"%s\"", cli->args[0]);
}

/* RFC 4648 6 (Base 32), without padding, as authenticators take it. */
static void base32_encode(struct bytes bytes, char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned bits = 0, held = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        held = (held << 8 | bytes.data[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5)
            *text++ = alphabet[held >> (bits - 5) & 31];
    }
    if (bits)
        *text++ = alphabet[held << (5 - bits) & 31];
    *text = '\0';
}

/* RFC 3986 2.1 (Percent-Encoding): realm and user are names, which have no slash, but may have spaces and umlauts. */
static void append_escaped(struct secret *uri, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++) {
        bool is_plain = strchr(plain, *text) != NULL;

        uri->len += (size_t)snprintf((char *)uri->data + uri->len, uri->capacity - uri->len,
                                     is_plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

/* otpauth://totp/REALM:USER?secret=...&issuer=REALM, as authenticators agree on it. */
static int make_uri(const struct cli *cli, const char *user, const struct remote_authenticator *authenticator,
                    struct secret **ret)
{
    CLEANUP(secret_free) struct secret *uri = NULL;
    const char *realm = cli->deployment->realm;
    char seed[64];
    int r = secret_new(URI_MAX, &uri);

    if (r < 0 || authenticator->seed->len > 32)
        return r < 0 ? r : -1;
    base32_encode(secret_bytes(authenticator->seed), seed);
    uri->len = (size_t)snprintf((char *)uri->data, uri->capacity, "otpauth://totp/");
    append_escaped(uri, realm);
    uri->len += (size_t)snprintf((char *)uri->data + uri->len, uri->capacity - uri->len, ":");
    append_escaped(uri, user);
    uri->len += (size_t)snprintf((char *)uri->data + uri->len, uri->capacity - uri->len,
                                 "?secret=%s&digits=%u&period=%u&issuer=", seed, authenticator->digits,
                                 authenticator->period_s);
    append_escaped(uri, realm);
    secret_wipe(seed, sizeof(seed));
    *ret = TAKE(uri);
    return 0;
}

static enum cli_exit show(struct cli *cli, const struct secret *uri)
{
    FILE *out = cli->is_json ? stderr : stdout;
    int r = qr_print(out, (const char *)uri->data);

    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "cannot make the QR code: %s", strerror(-r));
    fprintf(
        out,
        "\n%s\n\nScan it with an authenticator application, or enter the address; then give a code of it.\n",
        (const char *)uri->data);
    fflush(out);
    return CLI_DONE;
}

static enum cli_exit read_code(struct cli *cli, const char *option, char ret[FACTOR_CODE_MAX_LEN + 1])
{
    CLEANUP(secret_free) struct secret *line = NULL;
    enum cli_exit status = connect_line(cli, option, "Code: ", &line);

    if (status != CLI_DONE)
        return status;
    if (line->len < FACTOR_CODE_MIN_LEN || line->len > FACTOR_CODE_MAX_LEN)
        return cli_fail(cli, CLI_USAGE, NULL, "a code has %d to %d digits", FACTOR_CODE_MIN_LEN,
                        FACTOR_CODE_MAX_LEN);
    memcpy(ret, line->data, line->len);
    ret[line->len] = '\0';
    return CLI_DONE;
}

enum cli_exit cmd_factor_add(struct cli *cli)
{
    CLEANUP(remote_authenticator_clear) struct remote_authenticator authenticator = { 0 };
    CLEANUP(secret_free) struct secret *uri = NULL;
    struct remote_error error = { 0 };
    char code[FACTOR_CODE_MAX_LEN + 1];
    enum cli_exit status = check_kind(cli);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_enrol_factor(cli->token, &authenticator, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "enrolling an authenticator", rv, &error);
    if (make_uri(cli, connect_token_name(cli), &authenticator, &uri) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    status = show(cli, uri);
    if (status == CLI_DONE)
        status = read_code(cli, "confirm-file", code);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_confirm_factor(cli->token, code, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "confirming the authenticator", rv, &error);
    return output_done(cli, json_pack("{s:s}", "factor", "totp"),
                       "From now on the token asks for a code beside the PIN: PIN,CODE.");
}

enum cli_exit cmd_factor_list(struct cli *cli)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_token(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 0, &snapshot, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the token", rv, &error);
    object = json_pack("{s:s, s:b, s:b}", "factor", names_factor(snapshot->factor), "by_policy",
                       snapshot->is_factor_by_policy, "to_be_enrolled", snapshot->is_factor_missing);
    return output_object(cli, object);
}

enum cli_exit cmd_factor_remove(struct cli *cli)
{
    struct remote_error error = { 0 };
    char code[FACTOR_CODE_MAX_LEN + 1];
    enum cli_exit status = check_kind(cli);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status == CLI_DONE)
        output_say(cli, "A code that was not used yet is needed; the one of the log-in is.\n");
    if (status == CLI_DONE)
        status = read_code(cli, "confirm-file", code);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_remove_factor(cli->token, code, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "removing the authenticator", rv, &error);
    return output_done(cli, json_pack("{s:s}", "factor", "none"), "The authenticator is removed.");
}

enum cli_exit cmd_factor_reset(struct cli *cli)
{
    Privyseal__V1__ResetFactorRequest request = PRIVYSEAL__V1__RESET_FACTOR_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status;

    request.user = cli->args[0];
    status = connect_operate(cli, "taking a second factor away", METHOD_ResetFactor, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    object = json_pack("{s:s, s:s}", "user", cli->args[0], "factor_was",
                       names_factor(((const Privyseal__V1__ResetFactorResponse *)message)->factor));
    return output_object(cli, object);
}
