/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_policy.h - what a new PIN must be. Servers never see one, so the client refuses what the deployment does not want,
 * and, whatever a server says, what this program does not.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "include/cleanup.h"
#include "proto/privyseal.pb-c.h"

struct pin_policy {
    uint32_t min_len, max_len; /* bytes; within PIN_MIN_LEN and PIN_MAX_LEN */
    uint32_t classes;          /* how many of: small letters, capitals, digits, others */
    bool refuse_trivial;
};

/* NULL or zeros: what this program insists on. A policy laxer than that becomes it. */
struct pin_policy pin_policy_of(const Privyseal__V1__PinPolicy *message);
/*
 * @why: a sentence (static text; for lengths one with both numbers in @policy to be named by the caller).
 * Errors: CKR_PIN_LEN_RANGE, CKR_PIN_INVALID.
 */
MUST_CHECK CK_RV pin_policy_check(const struct pin_policy *policy, const char *user, struct bytes pin,
                                  const char **why);
