/* SPDX-License-Identifier: Apache-2.0 */
/* hex.h - bytes written as people publish them, in tests. */
#pragma once

#include <check.h>
#include <string.h>

#include "include/bytes.h"

/* @text, decoded into @memory. */
static inline struct bytes hex_bytes(const char *text, uint8_t *memory)
{
    size_t len = strlen(text) / 2;

    ck_assert_int_eq(hex_decode(text, memory, len), 0);
    return BYTES(memory, len);
}

/* The case fails unless @bytes are the ones that @expected spells. */
static inline void assert_hex(struct bytes bytes, const char *expected)
{
    char *text = malloc(2 * bytes.len + 1);

    ck_assert_ptr_nonnull(text);
    hex_encode(bytes, text);
    ck_assert_str_eq(text, expected);
    free(text);
}
