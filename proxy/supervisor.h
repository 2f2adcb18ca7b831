/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - the process that starts the others and keeps them running (crew.h shows them).
 *
 * SIGTERM and SIGINT drain: the front first, then the signers; a second one ends everything at once. SIGHUP reads the
 * TLS files anew and hands them to the front. SIGUSR2 hands everything over to the program that now lies where this one
 * was started from (handover.h): clients notice nothing. A child that dies is replaced, with growing patience if it
 * dies again; but until clients were served once, any death is a failed start.
 */
#pragma once

#include "proxy/config.h"
#include "proxy/handover.h"

/*
 * Runs the daemon in the state directory, which is the working directory; goes on with what a former program left
 * (handover_is_pending()). @program: what SIGUSR2 hands over to. @ready_fd: -1, or where to write one byte as
 * soon as clients are served; systemd learns it, too (sd_notify(3)).
 * Returns an exit status (sysexits.h); a start that failed was explained on standard error.
 */
int supervisor_main(const struct proxy_config *config, const struct program *program, int ready_fd);

/* Reads whatever a start reads and starts nothing. Explains on standard error. Returns an exit status. */
int supervisor_check(const struct proxy_config *config);
