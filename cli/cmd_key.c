/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c - key generate, key list, token show: what a user does with keys. */
#include "cli/commands.h"

#include "cli/connect.h"
#include "cli/names.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/mechanism.h"
#include "proto/name.h"

/* What the options say of a new key. */
static enum cli_exit read_wish(struct cli *cli, struct remote_new_key *ret, const char **ret_type)
{
    const char *type = cli_option(cli, "type"), *usage = cli_option(cli, "usage");
    const struct key_kind *kind = names_key_kind(type ? type : "rsa-3072");

    ret->label = cli_option(cli, "label");
    ret->always_authenticate = cli_option(cli, "always-authenticate") != NULL;
    if (!kind)
        return cli_fail(cli, CLI_USAGE, "rsa-2048, rsa-3072, rsa-4096, p-256, p-384, p-521, ed25519.",
                        "no type of key is called \"%s\"", type);
    if (usage && !names_find_usage(usage, &ret->usage))
        return cli_fail(cli, CLI_USAGE, "sign, decrypt (RSA) or derive (P-256, P-384, P-521).",
                        "no key is made to \"%s\"", usage);
    if (ret->label && !label_is_valid(bytes_of_text(ret->label)))
        return cli_fail(cli, CLI_USAGE, NULL, "a label has 1 to %d bytes of UTF-8", LABEL_MAX_LEN);
    ret->type = kind->type;
    ret->bits = kind->bits;
    *ret_type = kind->name;
    return CLI_DONE;
}

enum cli_exit cmd_key_generate(struct cli *cli)
{
    CLEANUP(json_decref) json_t *object = NULL;
    struct remote_error error = { 0 };
    struct remote_new_key wish = { 0 };
    uint8_t name[KEY_NAME_LEN];
    const char *type = NULL;
    enum cli_exit status = read_wish(cli, &wish, &type);
    CK_RV rv;

    if (status == CLI_DONE)
        status = connect_login(cli);
    if (status != CLI_DONE)
        return status;
    rv = remote_token_generate(cli->token, &wish, name, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "making the key", rv, &error);
    object = json_pack("{s:o, s:s, s:s}", "id", output_hex(BYTES(name, KEY_ID_LEN)), "type", type, "use",
                       names_usage(wish.usage));
    return output_object(cli, object);
}

static enum cli_exit get_snapshot(struct cli *cli, struct remote_snapshot **ret)
{
    struct remote_error error = { 0 };
    enum cli_exit status = connect_token(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_token_snapshot(cli->token, 0, ret, &error);
    return rv == CKR_OK ? CLI_DONE : cli_fail_remote(cli, "asking for the token", rv, &error);
}

enum cli_exit cmd_key_list(struct cli *cli)
{
    static const struct column columns[] = {
        { "id", "ID" },       { "type", "TYPE" },       { "use", "USE" },
        { "label", "LABEL" }, { "created", "CREATED" }, { "good_until", "GOOD UNTIL" },
    };
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CLEANUP(json_decref) json_t *rows = NULL;
    enum cli_exit status = get_snapshot(cli, &snapshot);

    if (status != CLI_DONE)
        return status;
    rows = names_keys(snapshot->content->key, snapshot->content->n_key);
    return output_table(cli, rows, columns, ARRAY_SIZE(columns));
}

static json_t *mechanism_names(const Privyseal__V1__Snapshot *content)
{
    json_t *names = json_array();

    for (size_t i = 0; i < content->n_mechanism; i++) {
        const struct mechanism *mechanism = mechanism_find(content->mechanism[i]);

        if (mechanism)
            json_array_append_new(names, json_string(mechanism->name));
    }
    return names;
}

enum cli_exit cmd_token_show(struct cli *cli)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CLEANUP(json_decref) json_t *object = NULL;
    enum cli_exit status = get_snapshot(cli, &snapshot);
    const Privyseal__V1__Snapshot *content;

    if (status != CLI_DONE)
        return status;
    content = snapshot->content;
    object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "token", content->token, "realm",
                       content->realm, "serial", content->serial, "custody", names_custody(content->custody),
                       "pin", names_pin_state(snapshot->pin_state), "pin_version", (int)snapshot->pin_version,
                       "keys", names_keys(content->key, content->n_key), "certificates",
                       names_certificates(content->certificate, content->n_certificate), "mechanisms",
                       mechanism_names(content));
    json_object_set_new(object, "recovery_code", json_boolean(content->has_recovery_code));
    json_object_set_new(object, "officers_can_help", json_boolean(content->has_recovery_quorum));
    json_object_set_new(object, "hsm_officer_can_reset", json_boolean(content->has_hsm_officer));
    json_object_set_new(object, "officers_were_asked", json_boolean(content->is_recovery_pending));
    return output_object(cli, object);
}

enum cli_exit cmd_key_allow(struct cli *cli)
{
    Privyseal__V1__AllowKeysRequest request = PRIVYSEAL__V1__ALLOW_KEYS_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__AllowKeysResponse *reply;
    enum cli_exit status;
    long count;

    status = cli_option_number(cli, "count", 1, 1, KEYS_PER_TOKEN_MAX, &count);
    if (status != CLI_DONE)
        return status;
    request.user = cli->args[0];
    request.count = (uint32_t)count;
    status = connect_operate(cli, "allowing keys", METHOD_AllowKeys, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__AllowKeysResponse *)message;
    return output_done(cli, json_pack("{s:s, s:i}", "user", cli->args[0], "permits", (int)reply->permits),
                       "%s may make %u keys.", cli->args[0], reply->permits);
}
