/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - C_SignInit, C_Sign, C_SignUpdate, C_SignFinal, and the same for verifying and digesting.
 *
 * Beginning, hashing, lengths, verification and digests are local; the end of a signature is the one call to
 * the server, with nothing held meanwhile.
 * Source: PKCS#11 v3.1 5.12 (Message digesting), 5.13 (Signing), 5.15 (Verifying signatures).
 */
#pragma once

#include "module/core/session.h"

/*
 * @mechanism NULL cancels what is under way (v3.0 5.13.1, C_SignInit); where nothing is, it is a mistake.
 * Errors: CKR_ARGUMENTS_BAD, CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
 * CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
 * CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR (nothing is known of the token).
 */
MUST_CHECK CK_RV sign_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV verify_init(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV sign_recover_init(struct session *session, const CK_MECHANISM *mechanism,
                                   CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV verify_recover_init(struct session *session, const CK_MECHANISM *mechanism,
                                     CK_OBJECT_HANDLE key);
MUST_CHECK CK_RV digest_init(struct session *session, const CK_MECHANISM *mechanism);

/* A part for session->sign, ->verify or ->digest. */
MUST_CHECK CK_RV sign_update(struct session *session, struct operation *operation, struct bytes part);

/*
 * @operation: session->sign, or ->sign_recover. @event: OP_ONE_SHOT with all the @data, or OP_FINAL with none.
 * Errors: the above, and the server's.
 */
MUST_CHECK CK_RV sign_finish(struct session *session, struct operation *operation, enum op_event event,
                             struct bytes data, struct output signature, struct remote_error *error);
/* Errors: CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, besides the above. */
MUST_CHECK CK_RV verify_finish(struct session *session, enum op_event event, struct bytes data,
                               struct bytes signature);
MUST_CHECK CK_RV digest_finish(struct session *session, enum op_event event, struct bytes data,
                               struct output digest);
/* What was signed by CKM_RSA_PKCS. The operation goes on while only the length is told. Errors: as verify_finish(). */
MUST_CHECK CK_RV verify_recover_finish(struct session *session, struct bytes signature, struct output data);

/* Bytes of output that @operation will have; 0 of none. */
size_t sign_output_len(const struct operation *operation);
/* The ends themselves, of an operation that was taken out of its session: message.h has more ways to come here. */
MUST_CHECK CK_RV sign_complete(struct session *session, struct operation *taken, struct bytes data,
                               struct output signature, struct remote_error *error);
MUST_CHECK CK_RV verify_complete(struct session *session, struct operation *taken, struct bytes data,
                                 struct bytes signature);
