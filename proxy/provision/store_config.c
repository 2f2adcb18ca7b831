/* SPDX-License-Identifier: Apache-2.0 */
/* store_config.c - line by line into a file beside it, which then takes its place. */
#include "proxy/provision/store_config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/descriptor.h"

static const char header[] = "[store]";

static bool is_line_of(const char *line, const char *key)
{
    size_t len = strlen(key);

    line += strspn(line, " \t");
    return strncmp(line, key, len) == 0 && line[len + strspn(line + len, " \t")] == '=';
}

static void write_lines(FILE *out, const char *url, const char *successor)
{
    fprintf(out, "url = %s\n", url);
    if (successor)
        fprintf(out, "successor = %s\n", successor);
}

static void rewrite(FILE *in, FILE *out, const char *url, const char *successor)
{
    CLEANUP(free_string) char *line = NULL;
    bool is_inside = false, is_written = false;
    size_t size = 0;

    while (getline(&line, &size, in) >= 0) {
        if (*line == '[')
            is_inside = strncmp(line, header, strlen(header)) == 0;
        if (is_inside && (is_line_of(line, "url") || is_line_of(line, "successor")))
            continue;
        fputs(line, out);
        if (*line == '[' && is_inside && !is_written) {
            write_lines(out, url, successor);
            is_written = true;
        }
    }
    if (!is_written) {
        fprintf(out, "\n%s\n", header);
        write_lines(out, url, successor);
    }
}

/* As @in, which nobody else may read either. */
static int open_beside(const char *path, int in)
{
    CLEANUP(descriptor_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status;

    if (fd < 0 || fstat(in, &status) || fchown(fd, status.st_uid, status.st_gid) ||
        fchmod(fd, status.st_mode & 07777))
        return -errno;
    return TAKE_DESCRIPTOR(fd);
}

static int sync_directory(char *path)
{
    CLEANUP(descriptor_close) int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) ? -errno : 0;
}

/* Closes @out. */
static int finish(FILE *out)
{
    int error = ferror(out) || fflush(out) || fsync(fileno(out)) ? -EIO : 0;

    return fclose(out) ? -EIO : error;
}

int store_config_write(const char *path, const char *url, const char *successor)
{
    CLEANUP(free_string) char *beside = NULL;
    FILE *in = fopen(path, "re"), *out;
    int fd, r = in ? 0 : -errno;

    if (r == 0 && asprintf(&beside, "%s.new", path) < 0)
        r = -ENOMEM;
    fd = r == 0 ? open_beside(beside, fileno(in)) : r;
    out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out) {
        rewrite(in, out, url, successor);
        r = finish(out);
    } else {
        r = fd < 0 ? fd : -errno;
    }
    if (in)
        fclose(in);
    if (r == 0 && rename(beside, path))
        r = -errno;
    return r == 0 ? sync_directory(beside) : r;
}
