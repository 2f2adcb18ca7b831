/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_keys.h - the sealing keys: derived in the HSM at start, stored nowhere.
 *
 * ikm = HMAC(Kseal of the epoch, context("privyseal v1 seal key", realm, epoch)); the X25519 pair is
 * DeriveKeyPair(ikm). RFC 9180 7.1.3 (DeriveKeyPair). So every signer of every proxy has the same pair, and a thief
 * of the disk has none. Provisioning prints the public ones, to be certified.
 */
#pragma once

#include <stdint.h>

#include "include/secret.h"
#include "proto/hpke.h"
#include "proto/limits.h"
#include "proxy/hsm/hsm.h"

#define SEAL_EPOCHS_MAX 4 /* newest first; a client that holds an older certificate fetches anew */

struct seal_epoch {
    uint32_t epoch;
    uint8_t key_id[HASH_LEN]; /* SHA-256 of the public key */
    uint8_t public_key[HPKE_KEY_LEN];
    struct secret *private_key;
};

void seal_epoch_clear(struct seal_epoch *epoch);
DEFINE_CLEAR(seal_epoch_clear, struct seal_epoch);

/* Errors: CKR_KEY_NEEDED (no such epoch), what the HSM says, CKR_GENERAL_ERROR. */
MUST_CHECK CK_RV seal_epoch_derive(struct hsm *hsm, const char *realm, uint32_t number,
                                   struct seal_epoch *ret);
/* All live epochs, newest first. Errors: as above. */
MUST_CHECK CK_RV seal_epochs_derive(struct hsm *hsm, const char *realm,
                                    struct seal_epoch ret[SEAL_EPOCHS_MAX], size_t *ret_count);
