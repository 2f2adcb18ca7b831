/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modify.h - objects that are there already: renamed, destroyed.
 *
 * A key's two halves and its certificate have one CKA_ID; the halves have one label. So a new one for any of them is
 * one for the others. The public half goes with the private one, and the certificate with both.
 * Source: PKCS#11 v3.1 5.7.3 (C_DestroyObject), 5.7.6 (C_SetAttributeValue), 5.7.2 (C_CopyObject).
 */
#pragma once

#include "module/core/create.h"

/*
 * Errors: CKR_OBJECT_HANDLE_INVALID, CKR_ATTRIBUTE_READ_ONLY (neither label nor id), CKR_ATTRIBUTE_TYPE_INVALID (not an
 * attribute of the object), CKR_ATTRIBUTE_VALUE_INVALID, CKR_ACTION_PROHIBITED (not a key or certificate),
 * CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN, those of the server.
 */
MUST_CHECK CK_RV modify_attributes(struct session *session, CK_OBJECT_HANDLE handle, struct template changes,
                                   struct remote_error *error);
/* Errors: CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED (CKA_DESTROYABLE is false), and as above. */
MUST_CHECK CK_RV modify_destroy(struct session *session, CK_OBJECT_HANDLE handle, struct remote_error *error);
/* No object may be copied. Errors: CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED. */
MUST_CHECK CK_RV modify_copy(struct session *session, CK_OBJECT_HANDLE handle);
