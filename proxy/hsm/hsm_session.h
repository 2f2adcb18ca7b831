/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm_session.h - the PKCS#11 calls this folder makes in a session, each pair of init and do as one function.
 *
 * Source:  PKCS#11 v3.1 5.6 (session management), 5.7 (objects), 5.8 (encryption), 5.13 (signing), 5.18 (key management).
 * Errors:  of every function what the HSM says, and CKR_HOST_MEMORY; CKR_DEVICE_ERROR for an answer that cannot be.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/bytes.h"
#include "include/secret.h"

struct hsm_session {
    CK_FUNCTION_LIST *p11; /* the library's; outlives the session */
    CK_SESSION_HANDLE handle;
};

#define HSM_ATTRIBUTE_MAX 16384 /* bytes of one attribute: a modulus, a point, a label */
#define HSM_SIGNATURE_MAX 1024  /* bytes: RSA-8192 */

/* @flags: CKF_RW_SESSION or 0. */
MUST_CHECK CK_RV hsm_session_open(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot, CK_FLAGS flags,
                                  struct hsm_session *ret);
void hsm_session_close(struct hsm_session *session);

/* One-shot signature or MAC. @ret_len: room in, length out. */
MUST_CHECK CK_RV hsm_session_sign(const struct hsm_session *session, CK_MECHANISM *mechanism,
                                  CK_OBJECT_HANDLE key, struct bytes data, uint8_t *ret, size_t *ret_len);
/* AES-256-GCM with a 96-bit nonce and a 128-bit tag after the ciphertext. @aad is never empty: SoftHSM mishandles that. */
MUST_CHECK CK_RV hsm_session_encrypt(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                                     struct bytes nonce, struct bytes aad, struct bytes plaintext,
                                     struct buffer *ret);
MUST_CHECK CK_RV hsm_session_decrypt(const struct hsm_session *session, CK_OBJECT_HANDLE key,
                                     struct bytes nonce, struct bytes aad, struct bytes ciphertext,
                                     struct secret **ret);
/* One-shot decryption by any mechanism. @room: the most bytes there may be of plaintext. */
MUST_CHECK CK_RV hsm_session_decrypt_by(const struct hsm_session *session, CK_MECHANISM *mechanism,
                                        CK_OBJECT_HANDLE key, struct bytes ciphertext, size_t room,
                                        struct secret **ret);
MUST_CHECK CK_RV hsm_session_wrap(const struct hsm_session *session, CK_OBJECT_HANDLE wrapping_key,
                                  CK_OBJECT_HANDLE key, struct secret **ret);

/* The value of one attribute, appended. */
MUST_CHECK CK_RV hsm_session_attribute(const struct hsm_session *session, CK_OBJECT_HANDLE object,
                                       CK_ATTRIBUTE_TYPE type, struct buffer *ret);
/* CKA_VALUE of a secret key of @len bytes that may be read. */
MUST_CHECK CK_RV hsm_session_value(const struct hsm_session *session, CK_OBJECT_HANDLE object, size_t len,
                                   struct secret **ret);
/* CKR_OK when the object has every attribute of @template with that value, else CKR_TEMPLATE_INCONSISTENT. */
MUST_CHECK CK_RV hsm_session_matches(const struct hsm_session *session, CK_OBJECT_HANDLE object,
                                     const CK_ATTRIBUTE *template, size_t count);
/* Up to @max objects that match. Walks every object of the token: at start only. */
MUST_CHECK CK_RV hsm_session_find(const struct hsm_session *session, CK_ATTRIBUTE *template, CK_ULONG count,
                                  CK_OBJECT_HANDLE *ret, CK_ULONG max, CK_ULONG *ret_count);
/* CK_INVALID_HANDLE: nothing to do. */
void hsm_session_destroy(const struct hsm_session *session, CK_OBJECT_HANDLE object);
