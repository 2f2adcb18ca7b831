/* SPDX-License-Identifier: Apache-2.0 */
/* master_files.h - the two files of a key ceremony: the manifest, which the root signs, and the wrapped master keys. */
#pragma once

#include "cli/cli.h"

#define MASTER_MANIFEST "tls/master-manifest"
#define MASTER_BACKUP   "master-backup"

/* Signs @manifest (proto/manifest.h) with @ca/root.key and writes it to @path. */
MUST_CHECK enum cli_exit master_files_sign(struct cli *cli, const char *ca, const json_t *manifest,
                                           const char *path);
/* Writes @object to @path; replaces an old file at once. */
MUST_CHECK enum cli_exit master_files_write(struct cli *cli, const char *path, unsigned mode,
                                            const json_t *object);
