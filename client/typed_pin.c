/* SPDX-License-Identifier: Apache-2.0 */
/* typed_pin.c - the last comma. */
#include "client/typed_pin.h"

#include <string.h>

#include "proto/limits.h"

static bool is_code(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len >= FACTOR_CODE_MIN_LEN && text.len <= FACTOR_CODE_MAX_LEN;
}

struct typed_pin typed_pin_split(struct bytes typed, bool is_code_asked)
{
    const uint8_t *comma = is_code_asked && typed.len ? memrchr(typed.data, ',', typed.len) : NULL;
    struct typed_pin parts = { .pin = typed };
    struct bytes rest;

    if (!comma)
        return parts;
    rest = BYTES(comma + 1, typed.len - (size_t)(comma + 1 - typed.data));
    if (is_code(rest))
        parts = (struct typed_pin){ BYTES(typed.data, (size_t)(comma - typed.data)), rest };
    return parts;
}

bool typed_pin_ends_in_code(struct bytes pin)
{
    return typed_pin_split(pin, true).code.len > 0;
}
