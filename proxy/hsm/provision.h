/* SPDX-License-Identifier: Apache-2.0 */
/* provision.h - a new token, filled by whoever asks for one. For the files of this folder. */
#pragma once

#include "proxy/hsm/hsm.h"
#include "proxy/hsm/hsm_session.h"

/* Puts master keys into the new token by a read-write session that is logged in. @why: may be set. */
typedef CK_RV hsm_fill_fn(const struct hsm_session *session, void *arg, char **why);

/* hsm_provision() with keys of the caller's. Errors: as there, and what @fill says: then there is no token either. */
MUST_CHECK CK_RV hsm_provision_with(const struct hsm_config *config, hsm_fill_fn *fill, void *arg,
                                    char **why);
