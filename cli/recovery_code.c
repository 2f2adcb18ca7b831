/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_code.c - 128 bits as people copy them: the form of activation codes. */
#include "cli/recovery_code.h"

#include <stdio.h>

#include "cli/connect.h"
#include "cli/output.h"
#include "cli/qr.h"
#include "proto/name.h"

_Static_assert(RECOVERY_CODE_LEN == ACTIVATION_CODE_LEN, "one form for both");

enum cli_exit recovery_code_print(struct cli *cli, const struct secret *code, const char *what)
{
    CLEANUP(json_decref) json_t *object = NULL;
    char text[ACTIVATION_TEXT_MAX];
    enum cli_exit status;

    activation_code_text(code->data, text);
    object = json_pack("{s:s, s:s}", "recovery_code", text, "recovery", what);
    status = output_object(cli, object);
    if (cli_option(cli, "qr") && !cli->is_json && qr_print(stdout, text) < 0)
        output_say(cli, "(no QR code could be made)");
    secret_wipe(text, sizeof(text));
    output_say(cli, "\nWrite it down and keep it apart from this computer: it is not shown again, and "
                    "whoever has it and\n"
                    "a device of yours sets a new PIN. `privyseal pin recover` uses it.");
    return status;
}

enum cli_exit recovery_code_read(struct cli *cli, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *line = NULL;
    CLEANUP(secret_free) struct secret *code = NULL;
    enum cli_exit status = connect_line(cli, "code-file", "Recovery code: ", &line);

    if (status != CLI_DONE)
        return status;
    if (secret_new(RECOVERY_CODE_LEN, &code) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    status = connect_parse_code(cli, secret_bytes(line), "a recovery code", code->data);
    if (status != CLI_DONE)
        return status;
    *ret = TAKE(code);
    return CLI_DONE;
}
