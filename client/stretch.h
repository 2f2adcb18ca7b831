/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stretch.h - from PIN to S, on the user's machine.
 *
 * S = HKDF(ikm = Argon2id(PIN, salt', cost), salt = device secret or empty,
 *          info = context("privyseal v1 stretched pin", realm, token, pin version))
 * salt' = SHA-256(context("privyseal v1 stretch salt", realm, token, served salt)).
 * Source: RFC 9106 (Argon2), RFC 5869 (HKDF).
 */
#pragma once

#include <openssl/types.h>
#include <stdint.h>

#include "include/bytes.h"
#include "include/secret.h"

struct stretch_cost {
    uint32_t memory_kib, passes, lanes;
};

/*
 * Errors: -EPERM (a cost below the floor or above the ceiling of proto/limits.h: a hostile server), -ENOMEM,
 * -EINVAL (PIN length).
 */
MUST_CHECK int stretch_pin(OSSL_LIB_CTX *libctx, const char *realm, const char *token, struct bytes pin,
                           struct bytes salt, const struct stretch_cost *cost, uint32_t pin_version,
                           struct bytes device_secret, struct secret **ret);
