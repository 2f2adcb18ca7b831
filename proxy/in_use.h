/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_use.h - whether daemons of this machine run on a deployment: each supervisor holds a shared flock(2) on the state
 * directory, which the kernel lets go of however it ends. Other machines' daemons are not seen.
 */
#pragma once

#include "proxy/config.h"

/* For a daemon, until @ret is closed. Errors: -EBUSY (somebody claims it), -errno. */
MUST_CHECK int in_use_share(const struct proxy_config *config, int *ret);
/* For who needs that no daemon runs, until @ret is closed. Errors: -EBUSY (one does), -errno. */
MUST_CHECK int in_use_claim(const struct proxy_config *config, int *ret);
