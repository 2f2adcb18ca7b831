/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_vfs.h - SQLite's own file layer, but for one thing: a path stays as it was given.
 *
 * A signer works in the state directory, which may lie below a directory that only root can enter. SQLite makes every
 * path absolute first and then cannot open it. With this layer a relative path is opened as it is, relative to the
 * working directory, which therefore must not change while a database is open. Source: sqlite.org/vfs.html.
 */
#pragma once

#include <sqlite3.h>

#include "include/cleanup.h"

struct sqlite_vfs {
    sqlite3_vfs vfs;
    char name[40]; /* of its own: SQLite finds a file layer by name, process-wide */
};

/* Opens @path with the file layer @vfs, which lives as long as the connection. @ret is set even on failure. */
MUST_CHECK int sqlite_vfs_open(struct sqlite_vfs *vfs, const char *path, int flags, sqlite3 **ret);
