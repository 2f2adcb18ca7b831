/* SPDX-License-Identifier: Apache-2.0 */
/* spelling.h - how near a word that nobody knows is to one that might have been meant. */
#pragma once

#include <limits.h>

#define SPELLING_WORD_MAX 63 /* bytes; no key, command or section of ours is longer */

/*
 * The fewest characters to add, drop or change that make @a into @b (Levenshtein's distance).
 * UINT_MAX when @b is longer than SPELLING_WORD_MAX.
 */
unsigned spelling_distance(const char *a, const char *b);
