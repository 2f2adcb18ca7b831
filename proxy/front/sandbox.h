/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what the front may still ask of the kernel once it has started.
 *
 * An allow-list of system calls: sockets that are there or are handed over, memory, time, randomness. No file, no
 * outgoing connection, no program, no other process. Any other call kills the process.
 */
#pragma once

#include <stdbool.h>

#include "include/cleanup.h"

/* False in a build with the address sanitizer, whose run-time needs more than the list. */
bool sandbox_is_built(void);
/* For good. Errors: -errno of seccomp(2). */
MUST_CHECK int sandbox_enter(void);
