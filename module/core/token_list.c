/* SPDX-License-Identifier: Apache-2.0 */
/* token_list.c - names of tokens in the order they were first seen. */
#include "module/core/token_list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/bytes.h"
#include "proto/name.h"

void token_list_clear(struct token_list *list)
{
    free(list->name);
    *list = (struct token_list){ NULL, 0 };
}

bool token_list_add(struct token_list *list, const char *name)
{
    void *names;

    if (!name_is_valid(bytes_of_text(name)) || list->count == TOKENS_PER_PRINCIPAL_MAX)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->name[i], name) == 0)
            return false;
    }
    names = realloc(list->name, (list->count + 1) * sizeof(*list->name));
    if (!names)
        return false;
    list->name = names;
    strcpy(list->name[list->count++], name); /* a valid name has at most NAME_MAX_LEN bytes */
    return true;
}

/* "$XDG_CACHE_HOME/privyseal" or "$HOME/.cache/privyseal". False: neither is set (or the host is setuid). */
static bool cache_folder(char path[PATH_MAX])
{
    const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int len;

    if (cache && *cache == '/')
        len = snprintf(path, PATH_MAX, "%s/privyseal", cache);
    else if (home && *home == '/')
        len = snprintf(path, PATH_MAX, "%s/.cache/privyseal", home);
    else
        return false;
    return len > 0 && len < PATH_MAX;
}

/* An identity's name is the user's own; one that cannot be a file name goes without a file. */
static bool cache_path(const char *identity, const char *suffix, char path[PATH_MAX])
{
    char folder[PATH_MAX];
    int len;

    if (!cache_folder(folder) || !name_is_valid(bytes_of_text(identity)))
        return false;
    len = snprintf(path, PATH_MAX, "%s/tokens-%s%s", folder, identity, suffix);
    return len > 0 && len < PATH_MAX;
}

void token_list_read(struct token_list *list, const char *identity)
{
    CLEANUP(free_string) char *line = NULL;
    char path[PATH_MAX];
    size_t size = 0;
    FILE *file;

    if (!cache_path(identity, "", path) || !(file = fopen(path, "re")))
        return;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        (void)token_list_add(list, line);
    }
    fclose(file);
}

static bool write_names(const struct token_list *list, FILE *file)
{
    for (size_t i = 0; i < list->count; i++)
        fprintf(file, "%s\n", list->name[i]);
    return fflush(file) == 0 && !ferror(file);
}

/* Both folders, should they be missing: ~/.cache is made by whoever comes first. */
static void make_folder(void)
{
    char folder[PATH_MAX], *last;

    if (!cache_folder(folder))
        return;
    last = strrchr(folder, '/');
    *last = '\0';
    (void)mkdir(folder, 0700);
    *last = '/';
    (void)mkdir(folder, 0700);
}

void token_list_write(const struct token_list *list, const char *identity)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    bool is_written;
    FILE *file;
    int fd;

    if (!cache_path(identity, "", path) || !cache_path(identity, ".XXXXXX", temporary))
        return;
    make_folder();
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return;
    file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        unlink(temporary);
        return;
    }
    is_written = write_names(list, file);
    if (fclose(file) != 0 || !is_written || rename(temporary, path) < 0)
        unlink(temporary);
}
