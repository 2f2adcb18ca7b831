/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_vfs.c - SQLite's own file layer, but for one thing: a path stays as it was given. */
#include "proxy/store/sqlite_vfs.h"

#include <stdio.h>
#include <string.h>

static int path_unchanged(sqlite3_vfs *vfs, const char *path, int room, char *ret)
{
    size_t len = strlen(path);

    (void)vfs;
    if (len >= (size_t)room)
        return SQLITE_CANTOPEN;
    memcpy(ret, path, len + 1);
    return SQLITE_OK;
}

int sqlite_vfs_open(struct sqlite_vfs *vfs, const char *path, int flags, sqlite3 **ret)
{
    sqlite3_vfs *ordinary = sqlite3_vfs_find(NULL);
    int code;

    if (!ordinary)
        return SQLITE_ERROR;
    vfs->vfs = *ordinary;
    snprintf(vfs->name, sizeof(vfs->name), "privyseal-%p", (void *)vfs);
    vfs->vfs.zName = vfs->name;
    vfs->vfs.pNext = NULL;
    vfs->vfs.xFullPathname = path_unchanged;
    code = sqlite3_vfs_register(&vfs->vfs, 0);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_open_v2(path, ret, flags, vfs->name);
    /* The connection keeps its pointer; the name was only needed to get it there. */
    sqlite3_vfs_unregister(&vfs->vfs);
    return code;
}
