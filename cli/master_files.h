/* SPDX-License-Identifier: Apache-2.0 */
/* master_files.h - the two files of a key ceremony: the manifest, which the root signs, and the wrapped master keys. */
#pragma once

#include <stdbool.h>

#include "cli/cli.h"

#define MASTER_MANIFEST "tls/master-manifest"
#define MASTER_BACKUP   "master-backup"

/* Signs @manifest (proto/manifest.h) with @ca/root.key and writes it to @path. */
MUST_CHECK enum cli_exit master_files_sign(struct cli *cli, const char *ca, const json_t *manifest,
                                           const char *path);
/*
 * What an epoch verb of the daemon printed: the wrapped master keys and the manifest, which @ca/root.key signs, go where
 * they belong. Of a new key the backup is written first: a key that the root has signed for is never the HSM's alone.
 * The old backup stays as "FILE.1". Nothing happens if @reply has none, where there was no key ceremony.
 */
MUST_CHECK enum cli_exit master_files_add(struct cli *cli, const char *ca, const json_t *reply);
/* So, without an epoch that was destroyed: the manifest first, which is what a restore goes by; no old backup stays. */
MUST_CHECK enum cli_exit master_files_remove(struct cli *cli, const char *ca, const json_t *reply);
/* Whether @ca (NULL: no) has the root's key. */
bool master_files_can_sign(const char *ca);
/* Writes @object to @path; replaces an old file at once. */
MUST_CHECK enum cli_exit master_files_write(struct cli *cli, const char *path, unsigned mode,
                                            const json_t *object);
