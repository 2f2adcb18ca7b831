/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_files.h - the two files of a key ceremony as the verbs see them: the manifest and the wrapped master keys.
 *
 * Nothing here writes them: a changed manifest counts when the root has signed it, which is the command line's to do.
 */
#pragma once

#include "include/json.h"
#include "proxy/config.h"
#include "proxy/hsm/ceremony.h"

struct master_files {
    struct manifest manifest;
    struct master_backup backup;
    json_t *text; /* of the backup: the officers' shares too */
};

void master_files_clear(struct master_files *files);
DEFINE_CLEAR(master_files_clear, struct master_files);

/* The files of @config, which has them; the root has signed the manifest. Returns an exit status, and says what is wrong. */
MUST_CHECK int master_files_load(const struct proxy_config *config, struct master_files *ret);
/*
 * For the command line: "manifest" and "master_backup" as they shall be, and where they belong ("manifest_path",
 * "master_backup_path"). So too.
 */
MUST_CHECK int master_files_describe(const struct proxy_config *config, const struct master_files *files,
                                     json_t *object);
