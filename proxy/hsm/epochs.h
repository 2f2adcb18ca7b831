/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs.h - new epochs of master keys, and the end of old ones. By provision alone: it may write the token.
 *
 * Those kinds have epochs whose rows name theirs (Kd, Kw, Kx), and Kseal, which no row needs. The others protect what
 * cannot be made anew: salts, check values, MACs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/hsm/hsm.h"
#include "proxy/hsm/master_keys.h"

struct ceremony_epoch; /* ceremony.h */
struct master_copy;

struct hsm_epoch {
    enum master_kind kind;
    uint32_t epoch;
    int64_t ends_ms;  /* INT64_MAX: it does not end by itself */
    bool is_newest;   /* new rows are made under it */
    bool is_stranger; /* the manifest does not name it, so nothing is done with it */
};

#define HSM_EPOCHS_MAX (MASTER_KINDS * MASTER_EPOCHS_MAX + MASTER_STRANGERS_MAX)

/* Whether @kind has a next epoch at all. */
bool hsm_epoch_may_change(enum master_kind kind);
/* All there are, by kind and number; strangers last. */
void hsm_epochs(const struct hsm *hsm, struct hsm_epoch ret[HSM_EPOCHS_MAX], size_t *ret_count);
/*
 * Makes the next epoch of @kind. Processes that have the HSM open go on with the one before until they are replaced.
 * Errors: CKR_FUNCTION_REJECTED (the kind has none, or too many), what the HSM says.
 */
MUST_CHECK CK_RV hsm_epoch_new(struct hsm *hsm, enum master_kind kind, uint32_t *ret);
/*
 * So, where officers hold the keys: wrapped for them, and for the other HSMs of a pool, on the way, and noted in @made.
 * A stranger to every process until the root has signed the manifest. @least: its number is no smaller. Errors: as above.
 */
MUST_CHECK CK_RV hsm_epoch_new_wrapped(struct hsm *hsm, enum master_kind kind, uint32_t least,
                                       const struct ceremony_epoch *made, uint32_t *ret);

/* An HSM that waits for an epoch that is made in another: for as long as @session is open. */
struct hsm_arrival {
    struct hsm_session session;
    CK_OBJECT_HANDLE carrier;
};
/*
 * Makes what the epoch's transport key is wrapped under (@ret_public: ceremony_recipient's); @ret_next: the smallest number
 * that it may have here. Errors: as hsm_epoch_new().
 */
MUST_CHECK CK_RV hsm_epoch_expect(struct hsm *hsm, enum master_kind kind, struct hsm_arrival *ret,
                                  struct buffer *ret_public, uint32_t *ret_next);
/* Ends it, with the key in the token. Errors: CKR_DATA_INVALID (not the key of @commitment), what the HSM says. */
MUST_CHECK CK_RV hsm_epoch_take(struct hsm_arrival *arrival, const struct master_copy *copy,
                                const uint8_t commitment[HASH_LEN]);
/*
 * Destroys an epoch, never the newest; or a stranger. That no row names it, the caller has seen to.
 * Errors: CKR_KEY_NEEDED (no such epoch), CKR_FUNCTION_REJECTED (the newest, or another kind), what the HSM says.
 */
MUST_CHECK CK_RV hsm_epoch_destroy(struct hsm *hsm, enum master_kind kind, uint32_t epoch);
