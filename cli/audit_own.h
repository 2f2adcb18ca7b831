/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_own.h - what the audit logs say about one's own token, with the proofs: a file that `audit mine` writes, and that
 * anybody checks who has the deployment's audit.pem.
 */
#pragma once

#include <jansson.h>

#include "cli/cli.h"
#include "proto/public_key.h"

/* The public key that --key names; none when it is not given. */
MUST_CHECK enum cli_exit audit_load_key(struct cli *cli, struct public_key **ret);

/*
 * That every record in the file @path is in a log under a checkpoint that @key signed, and that no signature of a key is
 * left out between others.
 */
MUST_CHECK enum cli_exit audit_own_verify(struct cli *cli, const char *path, const struct public_key *key);
