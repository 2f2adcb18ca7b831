/* SPDX-License-Identifier: Apache-2.0 */
/* activation.c - a code as people read it aloud. */
#include "cli/activation.h"

#include "cli/output.h"
#include "include/secret.h"
#include "proto/name.h"

/* 128 bits: 22 characters of base32 with a check character, in groups for reading aloud. */
enum cli_exit activation_print(struct cli *cli, const char *user, const Privyseal__V1__AddUserResponse *reply)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char code[ACTIVATION_TEXT_MAX];
    enum cli_exit status;

    if (reply->activation_code.len != ACTIVATION_CODE_LEN)
        return cli_fail(cli, CLI_REFUSED, NULL, "the server sent no usable activation code");
    activation_code_text(reply->activation_code.data, code);
    object = json_pack("{s:s, s:s, s:o}", "user", user, "activation_code", code, "good_until",
                       output_time(reply->expires_unix));
    secret_wipe(code, sizeof(code));
    status = output_object(cli, object);
    output_say(cli, "\nGive the code to the user and to nobody else; it is not shown again. The user runs:\n"
                    "  privyseal pin set");
    return status;
}
