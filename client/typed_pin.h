/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typed_pin.h - what people type into a PIN dialog: a PIN, or a PIN, a comma and the code of a second factor.
 *
 * Only where the server asks for a code is a comma more than a character of the PIN, and then only the last one, if six
 * to eight digits follow it to the end. No new PIN may end like that, so "739154,123456" never means two things.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"

struct typed_pin {
    struct bytes pin;
    struct bytes code; /* empty: none */
};

/* Borrows from @typed. */
struct typed_pin typed_pin_split(struct bytes typed, bool is_code_asked);
/* Whether @pin ends in a comma and six to eight digits: such a one is not set. */
bool typed_pin_ends_in_code(struct bytes pin);
