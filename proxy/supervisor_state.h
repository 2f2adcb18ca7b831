/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor_state.h - what the supervisor knows, for the three files that act on it. */
#pragma once

#include "proxy/crew.h"
#include "proxy/handover.h"
#include "proxy/server_renewal.h"

enum goal { GOAL_SERVE, GOAL_STOP_FRONT, GOAL_STOP_SIGNERS, GOAL_STOP_HERALD, GOALS };

struct proxy {
    struct crew crew;
    struct server_renewal renewal;
    const struct program *program;
    bool wants_successor; /* SIGUSR2 came: as soon as everybody is up */
    bool is_successor;    /* some children are the former program's still */
    int signals, ready_fd;
    enum goal goal;
    bool is_serving;       /* was reached once */
    struct child *leaving; /* of the signers that are replaced the last that was told to go; NULL: none was */
    unsigned replaced;     /* signers that were replaced since the last SIGHUP; all: nothing to do */
    uint64_t begun_ms;
    uint64_t watchdog_ms; /* systemd's WatchdogSec=; 0: none */
    uint64_t told_ms;     /* when it was told last */
    uint64_t kill_at_ms;  /* while stopping: who is still there then is killed */
    int status;
};
