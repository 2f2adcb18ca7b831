/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c - finding privyseald and running one of its verbs. */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/table.h"

#define ARGUMENTS_MAX 64

/*
 * privyseald: the one --privyseald names, else beside this program (installed, or in the build tree), else in
 * PATH.
 */
static void find_daemon(const struct cli *cli, char ret[PATH_MAX])
{
    static const char *const places[] = { "privyseald", "../sbin/privyseald", "../proxy/privyseald" };
    const char *given = cli_option(cli, "privyseald");
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    snprintf(ret, PATH_MAX, "%s", given ? given : "privyseald");
    if (given || len < 0)
        return;
    self[len] = '\0';
    dirname(self);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char place[2 * PATH_MAX];

        snprintf(place, sizeof(place), "%s/%s", self, places[i]);
        if (strlen(place) < PATH_MAX && access(place, X_OK) == 0) {
            snprintf(ret, PATH_MAX, "%.*s", PATH_MAX - 1, place);
            return;
        }
    }
}

static void become(const char *daemon, const char *config, const char *const *arguments)
{
    const char *argv[ARGUMENTS_MAX] = { "privyseald", "--config", config, "--provision" };
    size_t count = 4;

    while (*arguments && count < ARGUMENTS_MAX - 1)
        argv[count++] = *arguments++;
    execvp(daemon, (char *const *)argv);
    fprintf(stderr, "%s: %s\n", daemon, strerror(errno));
    _exit(127);
}

enum cli_exit daemon_run(struct cli *cli, const char *config, const char *const *arguments, json_t **ret)
{
    char daemon[PATH_MAX];
    int pipes[2], status;
    json_t *reply;
    FILE *out;
    pid_t pid;

    find_daemon(cli, daemon);
    if (pipe2(pipes, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", strerror(errno));
    if (pid == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        become(daemon, config, arguments);
    }
    close(pipes[1]);
    out = fdopen(pipes[0], "r");
    reply = out ? json_loadf(out, 0, NULL) : NULL;
    if (out)
        fclose(out);
    if (waitpid(pid, &status, 0) < 0 || status != 0 || !reply) {
        json_decref(reply);
        return cli_fail(cli, CLI_REFUSED, "Its own words stand above.",
                        "privyseald --provision %s failed (%s)", arguments[0], daemon);
    }
    *ret = reply;
    return CLI_DONE;
}

char *daemon_path(const char *path)
{
    CLEANUP(free_string) char *here = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
    char *absolute;

    if (!here || asprintf(&absolute, "%s%s%s", here, *here ? "/" : "", path) < 0)
        return NULL;
    return absolute;
}

char *daemon_paths(const char *list)
{
    CLEANUP(free_string) char *copy = strdup(list);
    CLEANUP(buffer_clear) struct buffer paths = { 0 };
    char *rest = copy, *path;
    size_t len;

    while (copy && (path = strsep(&rest, ","))) {
        CLEANUP(free_string) char *absolute = daemon_path(path);

        if (!absolute)
            return NULL;
        buffer_append_text(&paths, paths.len ? "," : "");
        buffer_append_text(&paths, absolute);
    }
    buffer_append_u8(&paths, '\0');
    return copy ? (char *)buffer_take(&paths, &len) : NULL;
}
