/* SPDX-License-Identifier: Apache-2.0 */
/* cases.h - what a guest must live through, in groups; cases.c runs one case in one process. */
#pragma once

#include "tests/integration/life/host.h"

struct life_case {
    const char *name;     /* for the command line */
    const char *sentence; /* for TAP */
    void (*run)(struct host *host);
};

/* Each ends with a row of NULLs. */
extern const struct life_case fork_cases[], unload_cases[], thread_cases[];
/* Through a relay that delays. */
extern const struct life_case slow_cases[];
