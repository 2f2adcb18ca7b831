/* SPDX-License-Identifier: Apache-2.0 */
/*
 * row_seal.h - what stands in a row, under a key that only this HSM derives: AES-GCM(HSM.derive(Kd, HKDF(secret,
 * purpose)), plaintext). Whoever has the row alone has nothing to try a secret on.
 */
#pragma once

#include "include/secret.h"
#include "proto/context.h"
#include "proxy/hsm/custody.h"

/* One sealing: what opens it, what it is bound to. The nonce is written by row_seal(), read by row_open(). */
struct row_seal {
    uint32_t kd_epoch;
    struct bytes secret;
    struct context *purpose, *aad;
    uint8_t *nonce; /* AEAD_NONCE_LEN bytes */
};

/* Errors: CKR_KEY_NEEDED (no such epoch), CKR_HOST_MEMORY, what the HSM says. */
MUST_CHECK CK_RV row_seal(struct hsm *hsm, const struct row_seal *seal, struct bytes plaintext,
                          struct buffer *ret);
/* Errors: as above; CKR_ENCRYPTED_DATA_INVALID when the row does not open: the row's fault, not the HSM's. */
MUST_CHECK CK_RV row_open(struct hsm *hsm, const struct row_seal *seal, struct bytes sealed,
                          struct secret **ret);

/* The token's secret U under @s into @row, whose token, kind, name and version are set. */
MUST_CHECK CK_RV access_row_seal(const struct custody_config *config, const char *token, struct bytes s,
                                 struct bytes u, struct access_row *row);
/* Errors: CKR_PIN_INCORRECT (@s does not open it, or it is not as it was sealed), as above. */
MUST_CHECK CK_RV access_row_open(const struct custody_config *config, const char *token, struct bytes s,
                                 const struct access_row *row, struct secret **ret);
