/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - one line from whoever sits there, or from a file: PINs and codes, so it goes into locked memory and
 * through no buffer of stdio's.
 */
#pragma once

#include "include/secret.h"

/*
 * Shows @prompt on the process's terminal. What is typed is shown only if it @is_seen; what ends or stops the
 * process (^C, ^Z, SIGTERM ...) does so as ever, but with a terminal that shows what is typed. Errors: -ENOTTY
 * (there is none), -E2BIG (256 bytes at most).
 */
MUST_CHECK int terminal_ask(const char *prompt, bool is_seen, struct secret **ret);
/* @path "-": standard input, of which nothing behind the line is read. Errors: -E2BIG, those of open() and read(). */
MUST_CHECK int terminal_read_file(const char *path, struct secret **ret);
bool terminal_is_there(void);
