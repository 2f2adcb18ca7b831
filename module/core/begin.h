/* SPDX-License-Identifier: Apache-2.0 */
/*
 * begin.h - the beginning of an operation with a key: mechanism and key are looked up and judged the same way for all.
 *
 * Source: PKCS#11 v3.1 5.8.1 (C_EncryptInit), 5.9.1 (C_DecryptInit), 5.13.1 (C_SignInit), 5.15.1 (C_VerifyInit).
 */
#pragma once

#include "module/core/session.h"

#define OF_SIGNING    PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN
#define OF_DECRYPTING PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT
#define OF_DERIVING   PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE

/* What an operation needs of mechanism and key. */
struct key_use {
    enum mechanism_use use;
    CK_OBJECT_CLASS class; /* of the key that can do it */
    Privyseal__V1__KeyUsage usage;
};

/* What was found. @key is lent by @set. */
struct beginning {
    const struct mechanism *mechanism;
    struct object_set *set;
    const struct object *key;
};

void beginning_clear(struct beginning *beginning);
DEFINE_CLEAR(beginning_clear, struct beginning);

/*
 * Looks up what C_XInit names. The caller clears @ret, after errors too.
 * Errors: CKR_MECHANISM_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT,
 * CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR (nothing is known of the token).
 */
MUST_CHECK CK_RV begin_find(struct session *session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key,
                            const struct key_use *need, struct beginning *ret);
/* Whether @operation may begin: an operation already under way is the first thing to be said. */
MUST_CHECK CK_RV begin_check(struct session *session, const struct operation *operation);
/* @mechanism NULL ends what is under way (v3.0 5.13.1, C_SignInit). Errors: CKR_ARGUMENTS_BAD (nothing is). */
MUST_CHECK CK_RV begin_cancel(struct session *session, struct operation *operation);
/* operation_start() under the session's lock. */
MUST_CHECK CK_RV begin_start(struct session *session, struct operation *operation,
                             const struct beginning *beginning, const Privyseal__V1__PssParameters *pss);
/*
 * All of it, for a signature or its verification. Errors: as above, CKR_OPERATION_ACTIVE,
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_SIZE_RANGE.
 */
MUST_CHECK CK_RV begin_signature(struct session *session, struct operation *operation,
                                 const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                                 const struct key_use *need);
