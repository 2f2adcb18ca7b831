/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signer.h - the signer process: opens store, HSM, audit; proves the HSM; then reads request, dispatches, writes
 * reply until its socket closes. Plain sequential code.
 */
#pragma once

#include "proxy/config.h"

/*
 * Runs signer @index on @socket (the front's end is a stream socket; frames of 4-byte big-endian length). Writes one
 * byte to @ready_fd once it serves, so that the supervisor starts the next. Returns an exit status (sysexits.h).
 */
int signer_main(const struct proxy_config *config, unsigned index, int socket, int ready_fd);
