/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - one character of UTF-8 at a time. Source: RFC 3629 4 (Syntax of UTF-8 Byte Sequences). */
#pragma once

#include <stdint.h>

#include "include/bytes.h"

/* Bytes of the character that @text starts with, 1 to 4; 0: it is none (or @text is empty). */
size_t utf8_next(struct bytes text, uint32_t *ret_character);
