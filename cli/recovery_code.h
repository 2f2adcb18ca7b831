/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_code.h - a recovery code, shown once; and read back. */
#pragma once

#include "cli/cli.h"
#include "include/secret.h"

/* In groups with a check character, with --qr as a QR code too. @what: "made". */
enum cli_exit recovery_code_print(struct cli *cli, const struct secret *code, const char *what);
/* From --code-file or the terminal. */
MUST_CHECK enum cli_exit recovery_code_read(struct cli *cli, struct secret **ret);
