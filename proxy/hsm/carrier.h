/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier.h - RSA keys that carry an AES key from one HSM to another: the officers' quorum key, whose private half is
 * imported when they have joined it; and one that an HSM makes for itself, whose private half nobody ever sees.
 *
 * All are session objects: what is interrupted leaves none behind.
 * Source: PKCS#11 v3.1 6.1.4 (PKCS #1 RSA key pair generation), 6.1.8 (PKCS #1 RSA OAEP; with SHA-1, the only hash that
 * SoftHSM 2.6.1 knows). Errors: what the HSM says; CKR_DATA_INVALID (no RSA key), CKR_HOST_MEMORY.
 */
#pragma once

#include "proxy/hsm/hsm_session.h"

#define CARRIER_RSA_BITS 3072

/* @spki: DER SubjectPublicKeyInfo; @der: PKCS#8 or PKCS#1. The caller destroys the object. */
MUST_CHECK CK_RV carrier_import_public(const struct hsm_session *session, struct bytes spki,
                                       CK_OBJECT_HANDLE *ret);
MUST_CHECK CK_RV carrier_import_private(const struct hsm_session *session, struct bytes der,
                                        CK_OBJECT_HANDLE *ret);
/* A pair whose private half, @ret, unwraps and does nothing else; the public one is appended to @ret_public. */
MUST_CHECK CK_RV carrier_make(const struct hsm_session *session, struct buffer *ret_public,
                              CK_OBJECT_HANDLE *ret);

/* @key, an AES key, under the public @carrier; appended. */
MUST_CHECK CK_RV carrier_wrap(const struct hsm_session *session, CK_OBJECT_HANDLE carrier,
                              CK_OBJECT_HANDLE key, struct buffer *ret);
/* ... and into the HSM by the private one: an AES key that unwraps by CKM_AES_KEY_WRAP_PAD and never leaves. */
MUST_CHECK CK_RV carrier_unwrap(const struct hsm_session *session, CK_OBJECT_HANDLE carrier,
                                struct bytes wrapped, CK_OBJECT_HANDLE *ret);
