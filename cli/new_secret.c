/* SPDX-License-Identifier: Apache-2.0 */
/* new_secret.c - beside the device's certificate, under its name. */
#include "cli/new_secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "client/device_secret.h"

static enum cli_exit find_place(struct cli *cli, char ret[PATH_MAX])
{
    const char *certificate = cli->identity->certificate, *ending = strrchr(certificate, '.');
    int len = ending && !strchr(ending, '/') ? (int)(ending - certificate) : (int)strlen(certificate);

    if (snprintf(ret, PATH_MAX, "%.*s.secret", len, certificate) >= PATH_MAX)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", certificate, strerror(ENAMETOOLONG));
    return CLI_DONE;
}

enum cli_exit new_secret_plan(struct cli *cli, struct new_secret *ret)
{
    struct secret *secret = NULL;
    enum cli_exit status;
    int r;

    if (!cli_option(cli, "device-secret"))
        return CLI_DONE;
    if (cli->identity->device_secret)
        return cli_fail(cli, CLI_REFUSED, NULL, "this device has a device secret already: %s",
                        cli->identity->device_secret);
    status = find_place(cli, ret->path);
    if (status != CLI_DONE)
        return status;
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

/* What is there of the same content was written before something went wrong behind it. */
static int save_once(const char *path, const struct secret *secret)
{
    CLEANUP(secret_free) struct secret *present = NULL;
    int r = device_secret_save(path, secret);

    if (r == -EEXIST && device_secret_load(path, &present) == 0 &&
        secret_equal(secret_bytes(present), secret_bytes(secret)))
        r = 0;
    return r;
}

enum cli_exit new_secret_take(struct cli *cli, struct secret *secret)
{
    CLEANUP(free_string) char *why = NULL;
    char path[PATH_MAX];
    enum cli_exit status;
    int r;

    remote_plan_device_secret(cli->remote, secret);
    status = find_place(cli, path);
    if (status != CLI_DONE)
        return status;
    r = save_once(path, secret);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED,
                        "If it is of no use any more, move it away; the recovery code is as it was.",
                        "the device secret that the code brings has no place: %s: %s", path, strerror(-r));
    if (append_section(cli, path, &why) < 0)
        return cli_fail(
            cli, CLI_REFUSED,
            "Add `device_secret = FILE` to the [identity] section and try again: the code is as it was.",
            "the device secret is in %s, but the configuration could not be written: %s", path,
            why ? why : "out of memory");
    return CLI_DONE;
}

void new_secret_undo(struct new_secret *made)
{
    if (made->is_made)
        unlink(made->path);
}
