/* SPDX-License-Identifier: Apache-2.0 */
/*
 * derive.h - key agreement: the point goes to the server, the shared secret comes back and becomes a session object.
 *
 * Source: PKCS#11 v3.1 5.18.5 (C_DeriveKey), 6.3.17 (Elliptic curve Diffie-Hellman key derivation).
 */
#pragma once

#include "module/core/create.h"

/*
 * CKM_ECDH1_DERIVE without a derivation function. The template asks for a generic secret or an AES key, of the shared
 * secret's length or its last CKA_VALUE_LEN bytes.
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED,
 * CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID,
 * CKR_ATTRIBUTE_VALUE_INVALID, CKR_USER_NOT_LOGGED_IN, those of the server.
 */
MUST_CHECK CK_RV derive_key(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                            struct template template, CK_OBJECT_HANDLE *ret, struct remote_error *error);
