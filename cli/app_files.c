/* SPDX-License-Identifier: Apache-2.0 */
/* app_files.c - places, paths, whole files, and other people's tools. */
#include "cli/app.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ca.h"
#include "include/descriptor.h"

#define FILE_MAX_LEN (4L * 1024 * 1024) /* registrymodifications.xcu has some 100 KiB after years */
#define SAID_MAX     1024               /* of a tool's words */

int app_fail(int error, char **why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return error;
}

/* ------------------------------------------------------------------------------------------------ places */

void places_clear(struct places *places)
{
    for (size_t i = 0; i < places->count; i++)
        free(places->path[i]);
    places->count = 0;
}

int places_add(struct places *places, char *path)
{
    CLEANUP(free_string) char *owned = path;

    if (!path)
        return -ENOMEM;
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->path[i], path) == 0)
            return 0;
    if (places->count == PLACES_MAX)
        return -E2BIG;
    places->path[places->count++] = TAKE(owned);
    return 0;
}

/* ------------------------------------------------------------------------------------------------- paths */

static char *join(const char *directory, const char *below)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, below) < 0 ? NULL : path;
}

char *app_home(const char *below)
{
    const char *home = getenv("HOME");
    const struct passwd *entry = home && *home ? NULL : getpwuid(getuid());

    return join(entry ? entry->pw_dir : home && *home ? home : "/", below);
}

char *app_config_home(const char *below)
{
    const char *directory = getenv("XDG_CONFIG_HOME");
    CLEANUP(free_string) char *usual = NULL;

    if (directory && *directory)
        return join(directory, below);
    usual = app_home(".config");
    return usual ? join(usual, below) : NULL;
}

int app_make_directory(const char *path, unsigned mode, char **why)
{
    CLEANUP(free_string) char *partial = strdup(path);

    if (!partial)
        return -ENOMEM;
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return app_fail(-errno, why, "%s: %s", partial, strerror(errno));
        *slash = '/';
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return app_fail(-errno, why, "%s: %s", path, strerror(errno));
    return 0;
}

/* ------------------------------------------------------------------------------------------------- files */

int app_read(const char *path, char **ret, char **why)
{
    CLEANUP(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(free_string) char *text = NULL;
    struct stat info;
    ssize_t len;

    *ret = NULL;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &info) < 0)
        return app_fail(-errno, why, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_MAX_LEN)
        return app_fail(-EINVAL, why, "%s: no text file, or too long for one", path);
    text = malloc((size_t)info.st_size + 1);
    if (!text)
        return -ENOMEM;
    len = read(fd, text, (size_t)info.st_size);
    if (len != info.st_size)
        return app_fail(-EIO, why, "%s: it changed while it was read", path);
    text[len] = '\0';
    *ret = TAKE(text);
    return 0;
}

int app_write(const char *path, unsigned mode, struct bytes content, char **why)
{
    CLEANUP(free_string) char *target = realpath(path, NULL);
    struct stat info;

    if (target && stat(target, &info) == 0)
        mode = info.st_mode & 07777;
    return ca_write_file(target ? target : path, mode, content, why);
}

/* ------------------------------------------------------------------------------------------------- tools */

/* The child: speaks into @said only, and gets no terminal to ask on. */
static void become(const char *const *arguments, int said)
{
    int null = open("/dev/null", O_RDONLY);

    dup2(null, STDIN_FILENO);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    execvp(arguments[0], (char *const *)arguments);
    _exit(errno == ENOENT ? 127 : 126);
}

static int explain(const char *const *arguments, const char *package, int status, int said, char **why)
{
    char words[SAID_MAX + 1];
    ssize_t len = pread(said, words, SAID_MAX, 0);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return app_fail(-ENOENT, why, "%s is not installed: it is in Debian's package %s", arguments[0],
                        package);
    while (len > 0 && words[len - 1] == '\n')
        len--;
    words[len > 0 ? len : 0] = '\0';
    return app_fail(-EIO, why, "%s: %s", arguments[0], words[0] ? words : "it failed, and did not say why");
}

int app_run(const char *const *arguments, const char *package, char **why)
{
    CLEANUP(descriptor_close) int said = memfd_create("said", MFD_CLOEXEC);
    int status;
    pid_t pid;

    if (said < 0 || (pid = fork()) < 0)
        return app_fail(-errno, why, "%s: %s", arguments[0], strerror(errno));
    if (pid == 0)
        become(arguments, said);
    if (waitpid(pid, &status, 0) != pid)
        return app_fail(-errno, why, "%s: %s", arguments[0], strerror(errno));
    return status == 0 ? 0 : explain(arguments, package, status, said, why);
}
