/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_officer.c - officer: the key of one who holds shares. */
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "proto/officer.h"

/* FILE.key goes with FILE.pub; any other name with NAME.pub behind it. */
static void public_path(const char *private_path, char ret[PATH_MAX])
{
    size_t len = strlen(private_path);

    if (len > 4 && strcmp(private_path + len - 4, ".key") == 0)
        len -= 4;
    snprintf(ret, PATH_MAX, "%.*s.pub", (int)len, private_path);
}

enum cli_exit cmd_officer_key(struct cli *cli)
{
    const char *path = cli->args[0];
    uint8_t key[HPKE_KEY_LEN];
    char public[PATH_MAX];
    int r;

    public_path(path, public);
    r = officer_make_key(path, public, key);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED,
                        r == -EEXIST ? "Remove the old key if nothing is sealed to it." : NULL,
                        "%s and %s: %s", path, public, strerror(-r));
    return output_done(cli,
                       json_pack("{s:s, s:s, s:o}", "key", path, "public", public, "public_key",
                                 output_hex(BYTES_OF_ARRAY(key))),
                       "%s is the officer's private key: it stays with the officer, and a copy in a safe.\n"
                       "%s is given to whoever sets up the deployment.",
                       path, public);
}
