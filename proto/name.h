/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - what may be called what: realm, token, user; labels; activation codes as people type them. */
#pragma once

#include <stdbool.h>
#include "include/bytes.h"
#include "proto/limits.h"

/*
 * Realm, user, token: 1 to NAME_MAX_LEN bytes of UTF-8, no control character, no colon, slash, quote or backslash,
 * no space at either end (NSS separates token and nickname by a colon; PKCS#11 pads labels with spaces).
 */
bool name_is_valid(struct bytes name);
/* A label of a key or certificate: 1 to LABEL_MAX_LEN bytes of UTF-8 without control characters. */
bool label_is_valid(struct bytes label);

/* Crockford base32 in groups: "7K3M-...". 16 bytes become 26 characters and a check character. */
#define ACTIVATION_TEXT_MAX 40
void activation_code_text(const uint8_t code[ACTIVATION_CODE_LEN], char ret[ACTIVATION_TEXT_MAX]);
/* Takes it with or without dashes, in any case, with O for 0 and I, L for 1. Errors: -EINVAL (typing error). */
MUST_CHECK int activation_code_parse(const char *text, uint8_t ret[ACTIVATION_CODE_LEN]);
