/* SPDX-License-Identifier: Apache-2.0 */
/* new_secret.c - beside the device's certificate, under its name. */
#include "cli/new_secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "client/device_secret.h"

enum cli_exit new_secret_plan(struct cli *cli, struct new_secret *ret)
{
    const char *certificate = cli->identity->certificate, *ending = strrchr(certificate, '.');
    struct secret *secret = NULL;
    int len, r;

    if (!cli_option(cli, "device-secret"))
        return CLI_DONE;
    if (cli->identity->device_secret)
        return cli_fail(cli, CLI_REFUSED, NULL, "this device has a device secret already: %s",
                        cli->identity->device_secret);
    len = ending && !strchr(ending, '/') ? (int)(ending - certificate) : (int)strlen(certificate);
    if (snprintf(ret->path, sizeof(ret->path), "%.*s.secret", len, certificate) >= (int)sizeof(ret->path))
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", certificate, strerror(ENAMETOOLONG));
    r = device_secret_make(ret->path, &secret);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", ret->path, strerror(-r));
    ret->is_made = true;
    remote_plan_device_secret(cli->remote, secret);
    return CLI_DONE;
}

/* The file a user's configuration is in, which may name a section again: the later line wins. */
static char *config_file(const struct cli *cli)
{
    const char *said = cli->config_path ? cli->config_path : getenv("PRIVYSEAL_CONF");

    return said ? strdup(said) : app_config_home("privyseal/pkcs11.conf");
}

static int append_section(const struct cli *cli, const char *secret, char **why)
{
    CLEANUP(free_string) char *path = config_file(cli);
    CLEANUP(free_string) char *former = NULL;
    CLEANUP(free_string) char *text = NULL;
    CLEANUP(free_string) char *whole = realpath(secret, NULL);
    int r = path && whole ? app_read(path, &former, why) : -ENOMEM;

    if (r < 0)
        return r;
    if (asprintf(&text, "%s\n[identity %s]\ndevice_secret = %s\n", former ? former : "", cli->identity->name,
                 whole) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return app_write(path, 0644, BYTES(text, strlen(text)), why);
}

enum cli_exit new_secret_keep(struct cli *cli, struct new_secret *made)
{
    CLEANUP(free_string) char *why = NULL;

    if (!made->is_made)
        return CLI_DONE;
    made->is_made = false; /* from now on the PIN is nothing without it */
    if (append_section(cli, made->path, &why) == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_REFUSED,
                    "Add `device_secret = FILE` to the [identity] section: the PIN needs it now.",
                    "the PIN is set with the secret in %s, but the configuration could not be written: %s",
                    made->path, why ? why : "out of memory");
}

void new_secret_undo(struct new_secret *made)
{
    if (made->is_made)
        unlink(made->path);
}
