/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_token_policy.c - settings of a policy in words, a "key=value" a line, as in configurations and lists of users. */
#include "proto/token_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What was taken is printed in words that mean the same. */
static void check_setting(struct token_policy *policy, const char *key, const char *value)
{
    struct token_policy again = { 0 };
    const char *expected = NULL;
    char text[POLICY_VALUE_MAX];
    int r = token_policy_set(policy, key, value, &expected);

    fuzz_require(r == 0 || r == -ENOENT || (r == -EINVAL && expected));
    if (r < 0)
        return;
    token_policy_print(policy, key, text);
    fuzz_require(strlen(text) < sizeof(text));
    fuzz_require(token_policy_set(&again, key, text, &expected) == 0);
    fuzz_require(token_policy_agree(policy, &again, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token_policy policy = { 0 };
    char *text = strndup((const char *)data, size), *rest = text;

    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, '=');

        if (value)
            *value++ = '\0';
        check_setting(&policy, line, value ? value : "");
    }
    free(text);
    return 0;
}
