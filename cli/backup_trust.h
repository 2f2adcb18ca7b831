/* SPDX-License-Identifier: Apache-2.0 */
/* backup_trust.h - whether a backup is what this deployment's HSM signed. */
#pragma once

#include "cli/cli.h"
#include "proto/backup_file.h"

/* Opens the file and says what is wrong with it, if something is. */
MUST_CHECK enum cli_exit backup_trust_open(struct cli *cli, const char *path, struct backup_file *ret);
/*
 * Checks the signature. The key is the one in --audit-key (the deployment's tls/audit.pem), or the one that the manifest
 * names which --root (tls/root.pem) has signed. One of them comes from elsewhere than the backup, or it proves nothing.
 */
MUST_CHECK enum cli_exit backup_trust_check(struct cli *cli, const struct backup_file *backup);
