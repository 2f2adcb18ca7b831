/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object_set.h - all objects of a token, made from one snapshot of it.
 *
 * For each key a private and a public key object, for each certificate one, and the profiles the token keeps
 * to. A set is immutable and counted: sessions go on with the one they hold while the slot already has a
 * newer one. Private keys are seen after login; all else before, as NSS and OpenSSH want it.
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "client/remote.h"
#include "module/core/handle_map.h"
#include "module/core/object.h"

struct object_set;

/*
 * @filter: which keys to show, by CKA_ID in hexadecimal or by label, separated by spaces; NULL: all. A
 * certificate is shown with its key. A key this build cannot read is left out. Takes its own reference of
 * @snapshot. Objects have no handles yet: object_set_name() gives them.
 * Errors: CKR_HOST_MEMORY, CKR_FUNCTION_FAILED (OpenSSL).
 */
MUST_CHECK CK_RV object_set_new(OSSL_LIB_CTX *libctx, struct remote_snapshot *snapshot, const char *filter,
                                struct object_set **ret);
/* Gives every object its handle. The caller holds what guards @map, and nobody else sees @set yet. */
MUST_CHECK CK_RV object_set_name(struct object_set *set, struct handle_map *map);
struct object_set *object_set_ref(struct object_set *set);
void object_set_unref(struct object_set *set);
DEFINE_CLEANUP(object_set_unref, struct object_set *);

const struct remote_snapshot *object_set_snapshot(const struct object_set *set);
/* Walks the set: index from 0 until NULL. Lent for as long as the set. */
const struct object *object_set_at(const struct object_set *set, size_t index);
/* NULL: no such object, or a private one and nobody is logged in. */
const struct object *object_set_find(const struct object_set *set, CK_OBJECT_HANDLE handle,
                                     bool is_logged_in);
/* The object of @class of the key of that name (@class: CKO_PRIVATE_KEY, CKO_PUBLIC_KEY); the certificate
 * that has that value. NULL: none. */
const struct object *object_set_find_key(const struct object_set *set, CK_OBJECT_CLASS class,
                                         const uint8_t name[KEY_NAME_LEN]);
const struct object *object_set_find_certificate(const struct object_set *set, struct bytes der);
