/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h - the clock by which a handler says how long the HSM took: call->hsm_us += stage_now_us() - begun_us. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t stage_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
