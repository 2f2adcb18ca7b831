/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far long work is, on a terminal's standard error; nothing anywhere else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t total, done;
    int shown; /* per cent; -1: nothing yet */
    bool is_terminal;
};

struct progress progress_of(const char *what, uint64_t total);
void progress_add(struct progress *progress, uint64_t count);
void progress_end(const struct progress *progress);
