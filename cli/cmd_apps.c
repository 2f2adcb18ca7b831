/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_apps.c - apps list, add, remove: the module in applications that keep a list of modules of their own.
 */
#include "cli/commands.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/output.h"
#include "include/table.h"

static const struct app apps[] = {
    { "firefox", &place_nss, firefox_find, NULL, NULL,
      "Start Firefox once, so that it makes a profile; or set the SecurityDevices policy for all users." },
    { "libreoffice", &place_nss, libreoffice_find, libreoffice_prepare, libreoffice_forget, NULL },
    { "ssh", &place_ssh, ssh_find, NULL, NULL, NULL },
};

static const struct column columns[] = { { "app", "APPLICATION" },
                                         { "place", "PLACE" },
                                         { "module", "MODULE" } };

static const struct app *find_app(const char *name)
{
    const struct app *app;

    for (EACH_ROW(app, apps))
        if (strcmp(app->name, name) == 0)
            return app;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ module */

/* The module of the build tree that this program is in, else the installed one. */
static enum cli_exit find_module(struct cli *cli, char ret[PATH_MAX])
{
    const char *given = cli_option(cli, "module");
    char self[PATH_MAX] = "", built[PATH_MAX + sizeof("/../module/privyseal-pkcs11.so")];
    struct stat status;
    int error;

    if (!given && readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
        snprintf(built, sizeof(built), "%s/../module/privyseal-pkcs11.so", dirname(self));
        if (realpath(built, ret))
            return CLI_DONE;
    }
    error = realpath(given ? given : PRIVYSEAL_MODULE, ret) ? 0 : errno;
    if (error == 0 && stat(ret, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_REFUSED,
                    "Is the package privyseal-pkcs11 installed? --module FILE names another.", "%s: %s",
                    given ? given : PRIVYSEAL_MODULE, error ? strerror(error) : "this is no library");
}

/* ------------------------------------------------------------------------------------------------ places */

enum action { ACTION_LOOK, ACTION_ADD, ACTION_REMOVE };

/* What a command does to all places of all applications it is about; what they hold then becomes @rows. */
struct visit {
    enum action action;
    const char *module; /* to add */
    json_t *rows;
};

/* @place "": the application has none. */
static int append_row(const struct visit *visit, const struct app *app, const char *place, char **why)
{
    CLEANUP(free_string) char *module = NULL;
    int r = *place ? app->kind->find(place, &module, why) : 0;

    if (r == 0)
        json_array_append_new(visit->rows, json_pack("{s:s, s:s, s:s}", "app", app->name, "place", place,
                                                     "module", module ? module : ""));
    return r;
}

static int visit_place(const struct visit *visit, const struct app *app, const char *place, char **why)
{
    int r = 0;

    if (visit->action == ACTION_ADD)
        r = app->kind->add(place, visit->module, why);
    else if (visit->action == ACTION_REMOVE)
        r = app->kind->remove(place, why);
    return r < 0 ? r : append_row(visit, app, place, why);
}

/* Where there is nothing to add to, it is made, if the application can be told of it. */
static int find_places(const struct visit *visit, const struct app *app, struct places *ret, char **why)
{
    int r = app->find(ret, why);

    if (r < 0 || ret->count || visit->action != ACTION_ADD)
        return r;
    if (!app->prepare)
        return app_fail(-ENOENT, why, "there is no place to add it to. %s", app->help);
    r = app->prepare(why);
    return r < 0 ? r : app->find(ret, why);
}

static enum cli_exit visit_app(struct cli *cli, const struct visit *visit, const struct app *app)
{
    CLEANUP(places_clear) struct places places = { 0 };
    CLEANUP(free_string) char *why = NULL;
    int r = find_places(visit, app, &places, &why);

    for (size_t i = 0; r == 0 && i < places.count; i++)
        r = visit_place(visit, app, places.path[i], &why);
    if (r == 0 && places.count == 0)
        r = append_row(visit, app, "", &why);
    if (r == 0 && visit->action == ACTION_REMOVE && app->forget)
        r = app->forget(&why);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", app->name, why ? why : strerror(-r));
    return CLI_DONE;
}

/* The applications that the arguments name, or all of them, one after the other. */
static enum cli_exit visit_apps(struct cli *cli, enum action action, const char *module)
{
    CLEANUP(json_decref) json_t *rows = json_array();
    const struct visit visit = { action, module, rows };
    enum cli_exit status = CLI_DONE;
    const struct app *app;

    for (int i = 0; status == CLI_DONE && i < cli->arg_count; i++)
        status = visit_app(cli, &visit, find_app(cli->args[i]));
    for (EACH_ROW(app, apps))
        if (status == CLI_DONE && cli->arg_count == 0)
            status = visit_app(cli, &visit, app);
    return status == CLI_DONE ? output_table(cli, rows, columns, ARRAY_SIZE(columns)) : status;
}

/* ---------------------------------------------------------------------------------------------- commands */

static enum cli_exit check_names(struct cli *cli)
{
    for (int i = 0; i < cli->arg_count; i++)
        if (!find_app(cli->args[i]))
            return cli_fail(cli, CLI_USAGE, "firefox, libreoffice or ssh.",
                            "no application is called \"%s\" here", cli->args[i]);
    return CLI_DONE;
}

enum cli_exit cmd_apps_list(struct cli *cli)
{
    return visit_apps(cli, ACTION_LOOK, NULL);
}

enum cli_exit cmd_apps_add(struct cli *cli)
{
    char module[PATH_MAX];
    enum cli_exit status = check_names(cli);

    if (status == CLI_DONE)
        status = find_module(cli, module);
    return status == CLI_DONE ? visit_apps(cli, ACTION_ADD, module) : status;
}

enum cli_exit cmd_apps_remove(struct cli *cli)
{
    enum cli_exit status = check_names(cli);

    return status == CLI_DONE ? visit_apps(cli, ACTION_REMOVE, NULL) : status;
}
