/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create.h - new things on a token: a key pair made in the HSM, a certificate brought in.
 *
 * A template is read by a table that says of every attribute what we do with it. What a key of ours cannot be
 * (a session object, extractable, of two uses that exclude signing) is refused; uses besides signing, which
 * pkcs11-tool asks for unless told otherwise, are passed over: the key that is made says itself that it lacks
 * them.
 * Source: PKCS#11 v3.1 5.7.1 (C_CreateObject), 5.18.2 (C_GenerateKeyPair), 4.1.1 (Creating objects).
 */
#pragma once

#include "module/core/session.h"

struct template
{
    const CK_ATTRIBUTE *attributes;
    size_t count;
};

/*
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_TEMPLATE_INCOMPLETE,
 * CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
 * CKR_ATTRIBUTE_READ_ONLY, CKR_KEY_SIZE_RANGE, CKR_CURVE_NOT_SUPPORTED, CKR_SESSION_READ_ONLY,
 * CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_WRITE_PROTECTED (the configuration shows some of the token's keys only),
 * those of the server.
 */
MUST_CHECK CK_RV create_key_pair(struct session *session, const CK_MECHANISM *mechanism,
                                 struct template public_key, struct template private_key,
                                 CK_OBJECT_HANDLE *ret_public, CK_OBJECT_HANDLE *ret_private,
                                 struct remote_error *error);
/*
 * C_CreateObject: an X.509 certificate for one of the token's keys; it takes that key's CKA_ID. Keys are born
 * in the HSM, so none is brought in. Errors: as above.
 */
MUST_CHECK CK_RV create_object(struct session *session, struct template template, CK_OBJECT_HANDLE *ret,
                               struct remote_error *error);
