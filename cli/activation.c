/* SPDX-License-Identifier: Apache-2.0 */
/* activation.c - a code as people read it aloud. */
#include "cli/activation.h"

#include "cli/output.h"
#include "include/secret.h"
#include "proto/name.h"

/* @object, taken, with the code in it, and what to do with that. 128 bits, in groups for reading aloud. */
static enum cli_exit print(struct cli *cli, json_t *taken, const ProtobufCBinaryData *code,
                           uint64_t expires_unix)
{
    CLEANUP(json_decref) json_t *object = taken;
    char text[ACTIVATION_TEXT_MAX];
    enum cli_exit status;

    if (code->len != ACTIVATION_CODE_LEN)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server sent no usable activation code");
    activation_code_text(code->data, text);
    json_object_set_new(object, "activation_code", json_string(text));
    json_object_set_new(object, "good_until", output_time(expires_unix));
    secret_wipe(text, sizeof(text));
    status = output_object(cli, object);
    output_say(cli, "\nGive the code to the user and to nobody else; it is not shown again. The user runs:\n"
                    "  privyseal pin set");
    return status;
}

enum cli_exit activation_print(struct cli *cli, const char *user, const Privyseal__V1__AddUserResponse *reply)
{
    return print(cli, json_pack("{s:s}", "user", user), &reply->activation_code, reply->expires_unix);
}

enum cli_exit activation_print_reset(struct cli *cli, const char *user,
                                     const Privyseal__V1__ResetUserResponse *reply)
{
    return print(cli,
                 json_pack("{s:s, s:i, s:i, s:s}", "user", user, "keys_destroyed", (int)reply->keys,
                           "certificates_destroyed", (int)reply->certificates, "second_factor",
                           reply->factor ? "removed" : "none"),
                 &reply->activation_code, reply->expires_unix);
}
