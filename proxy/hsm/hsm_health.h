/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_health.h - whether this process's HSM is well, found out by probes where calls raise doubts, and from time to time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proxy/hsm/hsm.h"

enum hsm_health {
    HSM_WELL,
    HSM_ILL, /* no work; it is asked from time to time, and may be well again */
    HSM_GONE /* no work, and nothing to hope for in this process */
};

/* As it was found last. */
enum hsm_health hsm_health(const struct hsm *hsm);
/*
 * Looks after it: asks an HSM that has given reason for doubt, one that is ill and due, and one without a call for
 * @idle_ms. Between two requests, and where one has failed by the HSM's fault.
 */
enum hsm_health hsm_examine(struct hsm *hsm, unsigned idle_ms);
