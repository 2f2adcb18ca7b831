/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - the message functions of PKCS#11 3.0: one Init for many signatures, or verifications, with one key.
 *
 * Each message is an operation of its own, made from the one that Init began; that one goes on whatever becomes of a
 * message. Keys that always authenticate are refused: there is no moment to ask for the PIN of a message.
 * Source: PKCS#11 v3.0 5.14 (Message-based signing functions), 5.16 (Message-based verification functions).
 */
#pragma once

#include "module/core/sign.h"

/* Errors: as sign_init(), verify_init(). */
MUST_CHECK CK_RV message_sign_init(struct session *session, const CK_MECHANISM *mechanism,
                                   CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV message_verify_init(struct session *session, const CK_MECHANISM *mechanism,
                                     CK_OBJECT_HANDLE key);

/* A whole message. Errors: CKR_OPERATION_NOT_INITIALIZED, those of sign_finish(), verify_finish(). */
MUST_CHECK CK_RV message_sign(struct session *session, struct bytes data, struct output signature,
                              struct remote_error *error);
MUST_CHECK CK_RV message_verify(struct session *session, struct bytes data, struct bytes signature);

/* A message in parts: begins. Errors: CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE. */
MUST_CHECK CK_RV message_sign_begin(struct session *session);
MUST_CHECK CK_RV message_verify_begin(struct session *session);
/* Its parts, and with the last the end. Errors: as of a whole one. */
MUST_CHECK CK_RV message_sign_part(struct session *session, struct bytes part);
MUST_CHECK CK_RV message_sign_last(struct session *session, struct bytes part, struct output signature,
                                   struct remote_error *error);
MUST_CHECK CK_RV message_verify_part(struct session *session, struct bytes part);
MUST_CHECK CK_RV message_verify_last(struct session *session, struct bytes part, struct bytes signature);

/* Ends what Init began. Errors: CKR_OPERATION_NOT_INITIALIZED. */
MUST_CHECK CK_RV message_sign_end(struct session *session);
MUST_CHECK CK_RV message_verify_end(struct session *session);
