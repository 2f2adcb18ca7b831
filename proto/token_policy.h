/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_policy.h - a policy in words and on the wire.
 *
 * Its words ("max_signatures = 10") are the same in privyseald.conf, on the command line and in a list of users to
 * import; one table has them.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"
#include "proto/policy.h"
#include "proto/privyseal.pb-c.h"

#define POLICY_IDLE_MS_MIN    1000
#define POLICY_IDLE_MS_MAX    (7 * 24 * 60 * 60 * 1000)
#define POLICY_SIGNATURES_MAX 1000000000
#define POLICY_VALUE_MAX      128 /* bytes of a value in words, with its NUL */

/* The names of the settings, in the order in which they are shown: index from 0 until NULL. */
const char *token_policy_key_at(size_t index);
/* Sets one from words. Errors: -ENOENT (no such setting), -EINVAL (@ret_expected: what it takes, static). */
MUST_CHECK int token_policy_set(struct token_policy *policy, const char *key, const char *value,
                                const char **ret_expected);
/* One in words. @key is one of them. */
void token_policy_print(const struct token_policy *policy, const char *key, char ret[POLICY_VALUE_MAX]);
/* Copies one setting. Errors: -ENOENT (no such setting). */
MUST_CHECK int token_policy_copy(struct token_policy *policy, const struct token_policy *from,
                                 const char *key);

/* Whether two agree in one setting. @key is one of them. */
bool token_policy_agree(const struct token_policy *a, const struct token_policy *b, const char *key);

void token_policy_to_message(const struct token_policy *policy, Privyseal__V1__TokenPolicy *message);
/* Without key_permits, which no message sets. Errors: -EBADMSG (out of range). */
MUST_CHECK int token_policy_of_message(const Privyseal__V1__TokenPolicy *message, struct token_policy *ret);

/* Whether @raw, a mechanism as it travels, may be used. */
bool token_policy_allows(const struct token_policy *policy, CK_MECHANISM_TYPE raw);
