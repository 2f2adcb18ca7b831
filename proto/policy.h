/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what is asked of one token beyond its PIN, and what it may be used for.
 *
 * All zero asks for nothing and forbids nothing. The signer enforces it (proxy/service/policies.c); words and wire are
 * token_policy.h's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum second_factor { FACTOR_NONE = 0, FACTOR_TOTP = 1, FACTOR_SENT = 2, FACTORS };

#define POLICY_KEY_PERMITS_MAX 64 /* KEYS_PER_TOKEN_MAX: more could not be used */

struct token_policy {
    enum second_factor second_factor; /* at Unlock and SignOnce */
    bool device_secret;               /* Unlock needs a secret of the device's in S */
    bool always_authenticate;         /* every key of the token signs by SignOnce alone */
    uint32_t idle_ms;                 /* a lease unused for so long ends; 0: the deployment's */
    uint32_t max_signatures;          /* uses of keys in one lease; 0: any number */
    uint32_t mechanisms;              /* mechanism_wire_bit()s of those allowed; 0: all */
    bool no_decrypt;                  /* keys neither decrypt nor derive */
    bool keys_need_permit;            /* each new key uses up one of key_permits */
    uint32_t key_permits;             /* open ones; not a setting: raised by operators, one by one */
};
