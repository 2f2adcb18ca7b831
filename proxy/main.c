/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - privyseald: reads the command line and the configuration, and becomes what they ask for.
 *
 * Without --foreground it returns as soon as clients are served (or the start failed), and the daemon stays behind
 * with its log on what was standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "include/cleanup.h"
#include "include/descriptor.h"
#include "include/log.h"
#include "proxy/config.h"
#include "proxy/in_use.h"
#include "proxy/provision/provision.h"
#include "proxy/supervisor.h"

#define DEFAULT_CONFIG "/etc/privyseal/privyseald.conf"

struct options {
    const char *config, *pid_file;
    bool is_foreground, is_check, is_provision;
    int argc; /* of the provisioning verb */
    char **argv;
    char **started_as; /* all of it */
};

static const char usage[] = "usage: privyseald [--config FILE] [--foreground] [--pid-file FILE]\n"
                            "       privyseald [--config FILE] --check\n"
                            "       privyseald [--config FILE] --provision VERB [ARGUMENTS]\n"
                            "       privyseald --version\n"
                            "\n"
                            "  --config FILE     configuration (" DEFAULT_CONFIG ")\n"
                            "  --foreground      stay, instead of returning once clients are served\n"
                            "  --pid-file FILE   hold FILE, with the process id in it, while running\n"
                            "  --check           read everything, start nothing\n"
                            "  --provision VERB  prepare the HSM and the store: init, ceremony, self-test\n";

enum {
    OPTION_CONFIG = 1,
    OPTION_PID_FILE,
    OPTION_FOREGROUND,
    OPTION_CHECK,
    OPTION_PROVISION,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option long_options[] = {
    { "config", required_argument, NULL, OPTION_CONFIG },
    { "pid-file", required_argument, NULL, OPTION_PID_FILE },
    { "foreground", no_argument, NULL, OPTION_FOREGROUND },
    { "check", no_argument, NULL, OPTION_CHECK },
    { "provision", no_argument, NULL, OPTION_PROVISION },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static int fail(int status, const char *what, const char *why)
{
    fprintf(stderr, "privyseald: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return status;
}

/* Returns -1 to go on, or an exit status. What follows the verb of --provision is the verb's. */
static int parse(int argc, char **argv, struct options *ret)
{
    int option;

    *ret = (struct options){ .config = DEFAULT_CONFIG, .started_as = argv };
    while (!ret->is_provision && (option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_CONFIG:
            ret->config = optarg;
            break;
        case OPTION_PID_FILE:
            ret->pid_file = optarg;
            break;
        case OPTION_FOREGROUND:
            ret->is_foreground = true;
            break;
        case OPTION_CHECK:
            ret->is_check = true;
            break;
        case OPTION_PROVISION:
            ret->is_provision = true;
            break;
        case OPTION_VERSION:
            puts("privyseald " PRIVYSEAL_VERSION);
            return EX_OK;
        case OPTION_HELP:
            fputs(usage, stdout);
            return EX_OK;
        default:
            fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    ret->argc = argc - optind;
    ret->argv = argv + optind;
    if (ret->is_provision == (ret->argc > 0))
        return -1;
    fputs(usage, stderr);
    return EX_USAGE;
}

/* ------------------------------------------------------------------------------------------------- pid file */

/* Locked while we run, so a second daemon notices; a lock does not outlive its process as a file does. */
static int pid_file_open(const char *path, int *ret)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CLEANUP(descriptor_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0)
        return fail(EX_CANTCREAT, path, strerror(errno));
    if (fcntl(fd, F_SETLK, &lock))
        return fail(EX_TEMPFAIL, path, "another privyseald runs with this pid file; stop it first");
    if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0)
        return fail(EX_IOERR, path, strerror(errno));
    *ret = TAKE_DESCRIPTOR(fd);
    return EX_OK;
}

/* ------------------------------------------------------------------------------------------------ background */

/*
 * Returns in the daemon, with a pipe to report readiness. The one that was started stays until it hears it, and exits
 * with 0; or, hearing nothing, with the daemon's own status.
 */
static int go_to_background(int *ret_ready_fd)
{
    int ready[2], status, null;
    char byte;
    pid_t pid;

    if (pipe2(ready, O_CLOEXEC))
        return fail(EX_OSERR, "cannot go to the background", strerror(errno));
    pid = fork();
    if (pid < 0)
        return fail(EX_OSERR, "cannot go to the background", strerror(errno));
    if (pid > 0) {
        close(ready[1]);
        if (read(ready[0], &byte, 1) == 1)
            _exit(EX_OK);
        _exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
    }
    close(ready[0]);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (setsid() < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return fail(EX_OSERR, "cannot go to the background", strerror(errno));
    close(null);
    *ret_ready_fd = ready[1];
    return EX_OK;
}

/* By the name it was called with, which may be a link to another version by then; else by what /proc says now. */
static int locate(const struct options *options, int working_directory, char room[PATH_MAX],
                  struct program *ret)
{
    const char *name = options->started_as[0];
    ssize_t len;

    *ret = (struct program){ name, options->started_as, options->config, working_directory };
    if (strchr(name, '/'))
        return EX_OK;
    len = readlink("/proc/self/exe", room, PATH_MAX - 1);
    if (len < 0)
        return fail(EX_OSERR, "/proc/self/exe", strerror(errno));
    room[len] = '\0';
    ret->path = room;
    return EX_OK;
}

static int serve(const struct proxy_config *config, const struct options *options, int working_directory)
{
    struct program program;
    char path[PATH_MAX];
    CLEANUP(descriptor_close) int ready_fd = -1;
    CLEANUP(descriptor_close) int pid_fd = -1;
    CLEANUP(descriptor_close) int in_use_fd = -1;
    CLEANUP(descriptor_close) int announced_fd = -1;
    int status = locate(options, working_directory, path, &program);

    if (status == EX_OK && in_use_share(config, &in_use_fd))
        status = fail(EX_TEMPFAIL, config->state,
                      "its store is being moved (privyseal store migrate): start when that is done");
    if (status == EX_OK && !options->is_foreground && !handover_is_pending())
        status = go_to_background(&ready_fd);
    if (status)
        return status;
    if (options->pid_file)
        status = pid_file_open(options->pid_file, &pid_fd);
    if (status)
        return status;
    if (chdir(config->state))
        return fail(EX_NOINPUT, config->state, strerror(errno));
    if (in_use_announce(config, &announced_fd))
        log_event(LOG_LEVEL_WARNING, "main.announce",
                  "why=\"%s\" consequence=\"store migrate does not see it\"", strerror(errno));
    status = supervisor_main(config, &program, ready_fd);
    if (options->pid_file && (fchdir(working_directory) || unlink(options->pid_file)))
        log_event(LOG_LEVEL_WARNING, "main.pid_file", "why=\"%s\"", strerror(errno));
    return status;
}

static int run(const struct proxy_config *config, const struct options *options)
{
    CLEANUP(descriptor_close) int working_directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    log_set_format(config->log_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
    log_open(options->is_provision ? "provision" : "supervisor", config->log_level);
    if (!options->is_provision && !options->is_check)
        return serve(config, options, working_directory);
    if (chdir(config->state))
        return fail(EX_NOINPUT, config->state, strerror(errno));
    if (options->is_provision)
        return provision_main(config, options->argc, options->argv);
    return supervisor_check(config);
}

int main(int argc, char **argv)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;
    struct options options;
    int status = parse(argc, argv, &options);

    if (status >= 0)
        return status;
    if (proxy_config_load(options.config, &config, &why))
        return fail(EX_CONFIG, why ? why : "out of memory", NULL);
    return run(config, &options);
}
