/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decrypt.h - RSA decryption, at the server, and encryption to such a key, here.
 *
 * RSA takes one block: parts are collected, and everything comes out at the end. How long a plaintext is shows only
 * when it is there; so a buffer that might be too small is tried, and if it was, the operation goes on.
 * Source: PKCS#11 v3.1 5.8 (Encryption functions), 5.9 (Decryption functions), 6.1.6 and 6.1.8 (RSA, OAEP).
 */
#pragma once

#include "module/core/session.h"

/* @mechanism NULL: as sign_init(). Errors: as there. */
MUST_CHECK CK_RV encrypt_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV decrypt_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
/* @operation: session->encrypt or ->decrypt. No output as yet. Errors: CKR_OPERATION_NOT_INITIALIZED, those below. */
MUST_CHECK CK_RV decrypt_update(struct session *session, struct operation *operation, struct bytes part,
                                struct output output);
/* @event: OP_ONE_SHOT with all the @data, or OP_FINAL with none. Errors: CKR_DATA_LEN_RANGE. */
MUST_CHECK CK_RV encrypt_finish(struct session *session, enum op_event event, struct bytes data,
                                struct output ciphertext);
/* The same. Errors: CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, those of the server. */
MUST_CHECK CK_RV decrypt_finish(struct session *session, enum op_event event, struct bytes data,
                                struct output plaintext, struct remote_error *error);
