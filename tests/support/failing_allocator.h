/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing_allocator.h - makes each allocation of a piece of code fail in turn, as nghttp2's failmalloc does.
 *
 * For one source file of a test that is linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc: so it
 * reaches our own code (and Check's, hence no assertion while it is armed) and no shared library.
 *
 *     do {
 *         fail_allocation(n++);
 *         r = f();
 *         failed = stop_failing();
 *         ck_assert(failed == (r < 0));
 *     } while (failed);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static int allocations_left = -1; /* until one fails; negative: none does */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool is_turn(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

/* The allocation after @successes more ones fails, that one only. */
static inline void fail_allocation(int successes)
{
    allocations_left = successes;
}

/* Whether one failed since; none does any more. */
static inline bool stop_failing(void)
{
    bool has_failed = allocations_left < 0;

    allocations_left = -1;
    return has_failed;
}

void *__wrap_malloc(size_t size)
{
    return is_turn() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_turn() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return is_turn() ? NULL : __real_realloc(memory, size);
}
