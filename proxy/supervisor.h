/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - the process that starts the others and keeps them running (crew.h shows them).
 *
 * SIGTERM and SIGINT drain: the front first, then the signers; a second one ends everything at once. SIGHUP reads the
 * TLS files anew and hands them to the front. A child that dies is replaced, with growing patience if it dies again;
 * but until clients were served once, any death is a failed start.
 */
#pragma once

#include "include/log.h"
#include "proxy/config.h"

/*
 * Runs the daemon in the state directory, which is the working directory. @ready_fd: -1, or where to write one byte as
 * soon as clients are served; systemd learns it, too (sd_notify(3)).
 * Returns an exit status (sysexits.h); a start that failed was explained on standard error.
 */
int supervisor_main(const struct proxy_config *config, int ready_fd);

/* Reads whatever a start reads and starts nothing. Explains on standard error. Returns an exit status. */
int supervisor_check(const struct proxy_config *config);

/* [server] log_level as a level. */
enum log_level supervisor_log_level(const struct proxy_config *config);
