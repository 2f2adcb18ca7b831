/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_hsm.h - MACs, seals and random bytes of proxy/hsm in software, for tests that need no HSM but its answers.
 *
 * A test compiles fake_hsm.c instead of linking proxy/hsm; a static struct hsm is one.
 */
#pragma once

#include <stdint.h>

#include "proxy/hsm/hsm.h"

struct hsm {
    uint32_t epoch;        /* the newest, of every kind */
    uint32_t oldest_epoch; /* those before it were destroyed; 0: none was */
    CK_RV failure;         /* what every call answers; CKR_OK: the HSM works */
    unsigned calls;
    uint8_t random; /* the last byte it made */
};
