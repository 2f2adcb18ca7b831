/* SPDX-License-Identifier: Apache-2.0 */
/*
 * debug.h - the trace a person asks for: for each call what it was about, how it ended, how long it took.
 *
 * Asked for by PRIVYSEAL_DEBUG=stderr|FILE or "debug" under [client]. Never to standard output, which in
 * ssh-pkcs11-helper is a protocol channel. No function here takes a secret or raw bytes.
 * Threads: a line is one write() to a descriptor opened for appending, so lines never mix; no lock is held.
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"

struct debug {
    int fd; /* -1: silent */
};

/* @target: "stderr", a path, or NULL. What cannot be opened is silence: a guest does not complain. */
void debug_open(struct debug *debug, const char *target);
void debug_close(struct debug *debug);
/* One line, stamped with time, process and thread. */
void debug_line(const struct debug *debug, const char *format, ...) PRINTF_LIKE(2, 3);
/* "CKR_OK"; "CKR_?" for a code that no function of ours returns. */
const char *debug_rv_name(CK_RV rv);
