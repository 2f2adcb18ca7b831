/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rounds.h - requests that have come are answered in rounds: a few with one flush of the audit log and one write.
 *
 * The signer is one thread. While the database makes one call wait, the others are looked at all the same: who signs with
 * an open token is served, who needs the database is told to ask again.
 */
#pragma once

#include "proxy/signer/signer_state.h"

/* Answers everything that has been read. False: records could not be made durable; leave. */
MUST_CHECK bool rounds_serve(struct signer *signer);
/* A store_wait_fn; @arg is the signer. */
int rounds_meanwhile(void *arg, int fd, short events, int timeout_ms);
