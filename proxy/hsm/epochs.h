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

struct master_backup; /* ceremony.h */

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
 * So, where officers hold the keys: wrapped for them on the way, and added to @manifest and @backup. A stranger to every
 * process until the root has signed that manifest. Errors: as above.
 */
MUST_CHECK CK_RV hsm_epoch_new_wrapped(struct hsm *hsm, enum master_kind kind, struct manifest *manifest,
                                       struct master_backup *backup, uint32_t *ret);
/*
 * Destroys an epoch, never the newest; or a stranger. That no row names it, the caller has seen to.
 * Errors: CKR_KEY_NEEDED (no such epoch), CKR_FUNCTION_REJECTED (the newest, or another kind), what the HSM says.
 */
MUST_CHECK CK_RV hsm_epoch_destroy(struct hsm *hsm, enum master_kind kind, uint32_t epoch);
