/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splitmix.h - numbers for chance and for names, not for secrets.
 *
 * A counter that grows by SPLITMIX_STEP, each value mixed: as a mix is one to one, no number comes twice within 2^64.
 * Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators (SplitMix64).
 */
#pragma once

#include <stdint.h>

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t splitmix(uint64_t counter)
{
    uint64_t z = counter;

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
