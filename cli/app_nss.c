/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_nss.c - NSS databases: a directory with cert9.db, key4.db, and pkcs11.txt, in which NSS lists its
 * modules.
 *
 * modutil changes the list, as the owner of its format. To look, reading is enough, and loads no module.
 */
#include "cli/app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/descriptor.h"

#define MODULE_NAME "privyseal"

/* The value of @key in a stanza of pkcs11.txt ("key=value" lines); empty: not there. */
static struct bytes stanza_value(const char *stanza, const char *end, const char *key)
{
    size_t key_len = strlen(key);

    for (const char *line = stanza; line && line < end; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) == 0 && line[key_len] == '=')
            return BYTES(line + key_len + 1, strcspn(line + key_len + 1, "\n"));
    }
    return BYTES_NONE;
}

/* Stanzas are parted by empty lines. */
static char *find_library(const char *list)
{
    const char *end;

    for (const char *stanza = list; *stanza; stanza = *end ? end + 2 : end) {
        struct bytes library;

        end = strstr(stanza, "\n\n");
        if (!end)
            end = stanza + strlen(stanza);
        library = stanza_value(stanza, end, "library");
        if (library.len && bytes_equal(stanza_value(stanza, end, "name"), bytes_of_text(MODULE_NAME)))
            return strndup((const char *)library.data, library.len);
    }
    return NULL;
}

static int nss_find(const char *place, char **ret, char **why)
{
    CLEANUP(free_string) char *path = NULL;
    CLEANUP(free_string) char *list = NULL;
    int r;

    *ret = NULL;
    if (asprintf(&path, "%s/pkcs11.txt", place) < 0)
        return -ENOMEM;
    r = app_read(path, &list, why);
    if (r == 0 && list)
        *ret = find_library(list);
    return r;
}

/*
 * Firefox and Thunderbird hold a lock on this file while they run, and would overwrite what modutil writes.
 */
static int check_unused(const char *place, char **why)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    CLEANUP(descriptor_close) int fd = -1;
    CLEANUP(free_string) char *path = NULL;

    if (asprintf(&path, "%s/.parentlock", place) < 0)
        return -ENOMEM;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;
    return app_fail(-EBUSY, why, "process %d uses %s: end it first", (int)lock.l_pid, place);
}

/* modutil ACTION privyseal [-libfile MODULE] */
static int run_modutil(const char *place, const char *action, const char *module, char **why)
{
    CLEANUP(free_string) char *database = NULL;
    int r = check_unused(place, why);

    if (r < 0)
        return r;
    if (asprintf(&database, "sql:%s", place) < 0)
        return -ENOMEM;
    return app_run((const char *const[]){ "modutil", "-force", "-dbdir", database, action, MODULE_NAME,
                                          module ? "-libfile" : NULL, module, NULL },
                   "libnss3-tools", why);
}

static int nss_remove(const char *place, char **why)
{
    CLEANUP(free_string) char *present = NULL;
    int r = nss_find(place, &present, why);

    return r < 0 || !present ? r : run_modutil(place, "-delete", NULL, why);
}

static int nss_add(const char *place, const char *module, char **why)
{
    CLEANUP(free_string) char *present = NULL;
    int r = nss_find(place, &present, why);

    if (r < 0 || (present && strcmp(present, module) == 0))
        return r;
    if (present)
        r = run_modutil(place, "-delete", NULL, why);
    return r < 0 ? r : run_modutil(place, "-add", module, why);
}

const struct place_kind place_nss = { nss_find, nss_add, nss_remove };
