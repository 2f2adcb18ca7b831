/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - how far long work is: one line on a terminal's standard error, written over, gone at the end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "records" */
    uint64_t total;   /* 0: unknown */
    uint64_t done;
    uint64_t shown_ms;
    bool is_terminal;
};

struct progress progress_start(const char *what, uint64_t total);
void progress_step(struct progress *progress);
void progress_end(struct progress *progress);
