/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - making a struct remote_snapshot out of the bytes of a server that is not believed.
 *
 * Checked: realm and token are those asked for, every name is the hash of its key, every identifier the start of that
 * name, labels are labels, counts and sizes within proto/limits.h. Whether the list is complete, only Unlock proves.
 */
#pragma once

#include "client/remote.h"
#include "include/bytes.h"

/* Errors: -EBADMSG with a sentence in @why (static), -ENOMEM. */
MUST_CHECK int snapshot_new(OSSL_LIB_CTX *libctx, const char *realm, const char *token, struct bytes message,
                            struct remote_snapshot **ret, const char **why);
/* Another snapshot of the same content. */
MUST_CHECK int snapshot_copy(OSSL_LIB_CTX *libctx, const struct remote_snapshot *snapshot,
                             struct remote_snapshot **ret);
