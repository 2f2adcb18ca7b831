/* SPDX-License-Identifier: Apache-2.0 */
/*
 * new_secret.h - a device that gets its secret along with a PIN: made with it (--device-secret), and kept only if that
 * PIN was set; or brought by a recovery code.
 */
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
/*
 * @secret is the user's already, and this device has none: written and named in the configuration at once, whatever
 * comes of the PIN, and planned for that. Owner of @secret: cli->remote, even when it fails.
 */
MUST_CHECK enum cli_exit new_secret_take(struct cli *cli, struct secret *secret);
/* Removes the file, unless it is kept. */
void new_secret_undo(struct new_secret *made);
DEFINE_CLEAR(new_secret_undo, struct new_secret);
