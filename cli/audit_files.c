/* SPDX-License-Identifier: Apache-2.0 */
/* audit_files.c - finding the logs' files, and reading them. */
#include "cli/audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/table.h"

DEFINE_CLEANUP(closedir, DIR *);

static const struct {
    const char *suffix, *tool;
} tools[] = { { ".gz", "gzip" }, { ".xz", "xz" }, { ".zst", "zstd" } };

static const char *tool_of(const char *rest)
{
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
        if (strcmp(rest, tools[i].suffix) == 0)
            return tools[i].tool;
    return NULL;
}

void audit_files_clear(struct audit_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct audit_files){ 0 };
}

/* Segment 0 is the last: as an unsigned number, one less each. */
static int compare(const struct audit_file *a, const struct audit_file *b)
{
    int order = log_name_compare(&a->log, &b->log);
    uint32_t one = a->segment - 1, other = b->segment - 1;

    return order ? order : (one > other) - (one < other);
}

static int add_file(struct audit_files *files, const struct audit_file *file)
{
    struct audit_file *items;
    size_t at = 0;

    while (at < files->count && compare(&files->items[at], file) < 0)
        at++;
    if (at < files->count && compare(&files->items[at], file) == 0) {
        free(file->path);
        return 0;
    }
    items = reallocarray(files->items, files->count + 1, sizeof(*items));
    if (!items) {
        free(file->path);
        return -ENOMEM;
    }
    memmove(items + at + 1, items + at, (files->count - at) * sizeof(*items));
    items[at] = *file;
    files->items = items;
    files->count++;
    return 0;
}

int audit_files_add(struct audit_files *files, const char *directory)
{
    CLEANUP(closedir) DIR *stream = opendir(directory);
    const struct dirent *entry;

    if (!stream)
        return -errno;
    while ((entry = readdir(stream))) {
        struct audit_file file = { 0 };
        const char *rest;
        int r;

        if (!log_file_parse(entry->d_name, &file.log, &file.segment, &rest) || (*rest && !tool_of(rest)))
            continue;
        if (asprintf(&file.path, "%s/%s", directory, entry->d_name) < 0)
            return -ENOMEM;
        r = add_file(files, &file);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------- reading */

/* TOOL -dc, from @in into a pipe, whose other end is @ret_fd. */
static int start_tool(const char *tool, int in, pid_t *ret_pid, int *ret_fd)
{
    const char *const arguments[] = { tool, "-dc", NULL };
    posix_spawn_file_actions_t actions;
    int pipes[2], r;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return -errno;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    r = -posix_spawnp(ret_pid, tool, &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (r < 0)
        close(pipes[0]);
    *ret_fd = pipes[0];
    return r;
}

int audit_stream_open(const char *path, struct audit_stream *ret)
{
    const char *dot = strrchr(path, '.'), *tool = dot ? tool_of(dot) : NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC), source, r;

    *ret = (struct audit_stream){ 0 };
    if (fd < 0)
        return -errno;
    if (tool) {
        source = fd;
        r = start_tool(tool, source, &ret->tool, &fd);
        close(source);
        if (r < 0)
            return r;
    }
    ret->file = fdopen(fd, "r");
    return ret->file ? 0 : -errno;
}

int audit_stream_close(struct audit_stream *stream)
{
    bool is_whole = feof(stream->file) && !ferror(stream->file);
    int status = 0;

    fclose(stream->file);
    if (stream->tool && waitpid(stream->tool, &status, 0) < 0)
        return -errno;
    /* A tool that was not read to its end dies of the closed pipe, and that is no damage. */
    return is_whole && status != 0 ? -EIO : 0;
}
