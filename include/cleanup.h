/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - clean-up written once, where a variable is born.
 *
 *     CLEANUP(secret_free) struct secret *value = NULL;   freed on every way out of the block
 *     *ret = TAKE(value);                                 ownership moves to the caller
 *
 * Every type that wants this says DEFINE_CLEANUP(x_free, struct x *) once, beside the declaration of x_free().
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define MUST_CHECK            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))

#define CLEANUP(function) __attribute__((cleanup(function##_cleanup)))

/* Makes function##_cleanup(), which calls @function with the variable unless it is NULL (or zero). */
#define DEFINE_CLEANUP(function, type)                                                                       \
    static inline void function##_cleanup(type *variable)                                                    \
    {                                                                                                        \
        if (*variable)                                                                                       \
            function(*variable);                                                                             \
    }                                                                                                        \
    struct function##_cleanup_needs_a_semicolon

/* As DEFINE_CLEANUP, for a struct that is embedded and cleared in place: @function gets its address. */
#define DEFINE_CLEAR(function, type)                                                                         \
    static inline void function##_cleanup(type *variable)                                                    \
    {                                                                                                        \
        function(variable);                                                                                  \
    }                                                                                                        \
    struct function##_cleanup_needs_a_semicolon

/* Gives the pointer away: the variable becomes NULL, so its clean-up has nothing left to do. */
#define TAKE(pointer)                                                                                        \
    ({                                                                                                       \
        __typeof__(pointer) taken_ = (pointer);                                                              \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

/* A broken invariant of our own, inside somebody else's process: answer, never abort (as p11-kit does). */
#define return_unless(condition, value)                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return (value);                                                                                  \
    } while (0)

DEFINE_CLEANUP(free, void *);
static inline void free_string_cleanup(char **variable)
{
    free(*variable);
}
static inline void free_bytes_cleanup(unsigned char **variable)
{
    free(*variable);
}
