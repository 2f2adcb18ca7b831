/* SPDX-License-Identifier: Apache-2.0 */
/* grant_words.h - grants in words: "see,sign,make-keys". */
#pragma once

#include "cli/cli.h"

#define GRANT_WORDS_MAX 32

/* Bits from "see,sign"; "see" goes with every other. 0: no such words. */
unsigned grant_bits_of(const char *words);
void grant_words(unsigned bits, char ret[GRANT_WORDS_MAX]);
/* For output_table(): a new array. */
json_t *grant_objects(Privyseal__V1__GrantInfo **grants, size_t count);
