/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_name.c - names, labels, and activation codes as somebody might type them. */
#include "proto/name.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t code[ACTIVATION_CODE_LEN], again[ACTIVATION_CODE_LEN];
    char text[ACTIVATION_TEXT_MAX];
    char *typed = strndup((const char *)data, size);

    if (name_is_valid(BYTES(data, size)))
        fuzz_require(label_is_valid(BYTES(data, size)) && size <= NAME_MAX_LEN && !memchr(data, ':', size));
    if (typed && activation_code_parse(typed, code) == 0) {
        activation_code_text(code, text);
        fuzz_require(activation_code_parse(text, again) == 0 && memcmp(code, again, sizeof(code)) == 0);
    }
    free(typed);
    return 0;
}
