/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what a harness is: one function, as libFuzzer wants it, in fuzz_NAME.c, with seeds in corpus/NAME.
 *
 * An ordinary build links main.c, which runs the seeds and a fixed number of mutations of them as a test;
 * tools/fuzz builds the same harnesses with clang's libFuzzer and lets them search. A harness aborts through
 * fuzz_require() when a promise of the code under test is broken; memory is the sanitizers' to watch.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "include/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_require(int is_kept)
{
    if (!is_kept)
        abort();
}
