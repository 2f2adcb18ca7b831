/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_directory.h - SoftHSM's token files: found, kept safe, repaired. A real HSM has none of this.
 *
 * SoftHSM keeps a token as DIR/UUID/: token.object (its PINs), one *.object per key. The serial number is the last 16
 * digits of the UUID. C_Login truncates token.object and writes it anew, not atomically: a process that is killed at
 * that moment leaves an empty file, and with it every key of the token is lost. Hence DIR-backup/SERIAL/: the token as
 * it was after its last change.
 *
 * Errors of all: negative errno.
 */
#pragma once

#include "include/cleanup.h"

/* The token directory of "SOFTHSM2_CONF=path". Errors: -ENOENT (@environment is NULL or another), -EINVAL. */
MUST_CHECK int token_directory_of(const char *environment, char **ret);
/* Gives tokens whose token.object is empty the one of their backup. Before C_Initialize. */
MUST_CHECK int token_directory_repair(const char *dir);
/* Keeps a copy of a token, durable when this returns; the copy before it is gone then. Errors: -ENOENT. */
MUST_CHECK int token_directory_backup(const char *dir, const char *serial);
/*
 * Exchanges a token's PINs with those of its backup: after a PIN change that the process did not survive, only one of
 * the two fits what the store says. The library has read the file: use the token in a new process. Errors: -ENOENT.
 */
MUST_CHECK int token_directory_swap(const char *dir, const char *serial);
/* Takes a token and its backup away. Errors: -ENOENT. */
MUST_CHECK int token_directory_remove(const char *dir, const char *serial);
