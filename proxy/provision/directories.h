/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directories.h - who may do what to the state directory, laid down once.
 *
 *   hsm/ token directory   root writes, the signers read: SoftHSM's C_Login rewrites the token's file otherwise, and
 *                          not atomically (a kill at the wrong moment empties it)
 *   hsm/ partitions        the partition signer alone writes; the copy of the master token in it is read-only too
 *   store/ audit/          the signers write
 *
 * Started without root everything belongs to the one user there is; "read-only" is then a matter of modes.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "include/cleanup.h"

struct owners {
    bool is_root;
    uid_t signer_uid;
    gid_t signer_gid;
};

/* @user: a name or a number; NULL: whoever runs this. Errors: -ENOENT. */
MUST_CHECK int owners_find(const char *user, struct owners *ret);
/* Makes @path (its parent exists) for the signers to write in. Errors: -errno. */
MUST_CHECK int directory_for_signers(const char *path, const struct owners *owners);
/* Makes everything below @path readable for signers and writable for nobody but root. Errors: -errno. */
MUST_CHECK int directory_read_only(const char *path, const struct owners *owners);
/* Gives every file below @path to the signers. Errors: -errno. */
MUST_CHECK int directory_give(const char *path, const struct owners *owners);
/* Moves what is in @from into @to, which is made if need be, for the signers; @from is gone then. Errors: -errno. */
MUST_CHECK int directory_move(const char *from, const char *to, const struct owners *owners);
/* Makes the folders in @to that are copies of those in @from the same again, each file at once. Errors: -errno. */
MUST_CHECK int directory_follow(const char *from, const char *to, const struct owners *owners);
/* Copies the folders of @from (one level deep, regular files) into @to. Errors: -errno. */
MUST_CHECK int directory_copy(const char *from, const char *to);
