/* SPDX-License-Identifier: Apache-2.0 */
/* new_secret.h - --device-secret: a device secret made along with a PIN, kept only if that PIN was set. */
#pragma once

#include <limits.h>

#include "cli/cli.h"

struct new_secret {
    char path[PATH_MAX];
    bool is_made;
};

/* Unless --device-secret was given, nothing. Makes the file, and plans the secret for the next PIN of cli->remote. */
MUST_CHECK enum cli_exit new_secret_plan(struct cli *cli, struct new_secret *ret);
/* The PIN is set: names the file in the configuration. Says what to do where that cannot be written. */
MUST_CHECK enum cli_exit new_secret_keep(struct cli *cli, struct new_secret *made);
/* Removes the file, unless it is kept. */
void new_secret_undo(struct new_secret *made);
DEFINE_CLEAR(new_secret_undo, struct new_secret);
