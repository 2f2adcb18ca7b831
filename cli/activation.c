/* SPDX-License-Identifier: Apache-2.0 */
/* activation.c - a code as people read it aloud. */
#include "cli/activation.h"

#include "cli/output.h"
#include "include/secret.h"
#include "include/table.h"
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

const char *activation_result_word(Privyseal__V1__NewUserResult result)
{
    static const char *const words[] = {
        [PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED] = "added",
        [PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_EXISTS] = "exists",
        [PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_DIFFERS] = "differs",
        [PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED] = "refused",
    };

    return (unsigned)result < ARRAY_SIZE(words) ? words[result] : NULL;
}

json_t *activation_row(const char *user, const Privyseal__V1__NewUserAnswer *answer)
{
    const char *result = activation_result_word(answer->result);
    char code[ACTIVATION_TEXT_MAX] = "";
    json_t *row;

    if (!result)
        return NULL;
    if (answer->activation_code.len == ACTIVATION_CODE_LEN)
        activation_code_text(answer->activation_code.data, code);
    row = json_pack("{s:s, s:s, s:s, s:o, s:s}", "user", user, "result", result, "activation_code", code,
                    "good_until", *code ? output_time(answer->expires_unix) : json_string(""), "why",
                    answer->why);
    secret_wipe(code, sizeof(code));
    return row;
}

enum cli_exit activation_print_many(struct cli *cli, const Privyseal__V1__AddUsersRequest *asked,
                                    const Privyseal__V1__AddUsersResponse *reply)
{
    static const struct column columns[] = {
        { "user", "USER" },
        { "result", "RESULT" },
        { "activation_code", "ACTIVATION CODE" },
        { "good_until", "GOOD UNTIL" },
        { "why", "WHY" },
    };
    CLEANUP(json_decref) json_t *rows = json_array();
    enum cli_exit status;

    if (!asked || asked->n_user != reply->n_user)
        return cli_fail(cli, CLI_REFUSED, "`privyseal user import --new-codes` makes other codes.",
                        "it was done, but the answer does not say for whom");
    for (size_t i = 0; i < reply->n_user; i++)
        if (json_array_append_new(rows, activation_row(asked->user[i]->user, reply->user[i])) < 0)
            return cli_fail(cli, CLI_REFUSED, "`privyseal user import --new-codes` makes other codes.",
                            "it was done, but the server's answer cannot be understood");
    status = output_table(cli, rows, columns, ARRAY_SIZE(columns));
    output_say(cli, "\nGive each code to its user and to nobody else; they are not shown again.");
    return status;
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
