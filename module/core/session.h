/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - a session of an application: a place for a search and for one operation of each kind under way.
 * All of it is here; the server knows nothing of sessions, so no outage ends one.
 *
 * They are apart: OpenSSH searches between C_SignInit and C_Sign, and NSS reads attributes there.
 * Threads: any number may hold a reference; session->lock guards what is under way. Never held for long.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "module/core/operation.h"
#include "module/core/search.h"
#include "module/core/slot.h"

struct session {
    atomic_uint references;
    struct slot *slot; /* fixed */
    bool is_rw;        /* fixed */
    pthread_mutex_t lock;
    struct search search; /* guarded by lock, as is what follows */
    struct operation sign, verify, digest, sign_recover, verify_recover, encrypt, decrypt;
    /* Of 3.0: what C_MessageSignInit began, and the one message that is being given in parts. */
    struct operation message_sign, message_sign_part, message_verify, message_verify_part;
};

/* Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV session_new(struct slot *slot, bool is_rw, struct session **ret);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);
DEFINE_CLEANUP(session_unref, struct session *);

/* Its state (v3.1 5.6, Session management functions), from the token's login and its own kind. */
CK_STATE session_state(struct session *session);
/*
 * Which kinds of user may not log in here, now. v3.1 5.6.8 (C_Login).
 * Errors: CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_TYPE_INVALID.
 */
MUST_CHECK CK_RV session_check_user(struct session *session, CK_USER_TYPE user);
/*
 * C_Login of CKU_CONTEXT_SPECIFIC: the PIN, for the signature that was begun with a key that always authenticates.
 * Errors: CKR_OPERATION_NOT_INITIALIZED (there is none), CKR_USER_NOT_LOGGED_IN, those of C_Login.
 */
MUST_CHECK CK_RV session_consent(struct session *session, struct bytes pin, struct remote_error *error);
/* Errors: CKR_SESSION_READ_ONLY, those of remote_token_change_pin(). */
MUST_CHECK CK_RV session_set_pin(struct session *session, struct bytes old_pin, struct bytes new_pin,
                                 struct remote_error *error);

/* C_FindObjects*: search.h under the session's lock. Errors: as there, and CKR_DEVICE_ERROR. */
MUST_CHECK CK_RV session_find_start(struct session *session, const CK_ATTRIBUTE *wanted, size_t count,
                                    struct remote_error *error);
MUST_CHECK CK_RV session_find_next(struct session *session, CK_OBJECT_HANDLE *handles, size_t max,
                                   CK_ULONG *ret_count);
MUST_CHECK CK_RV session_find_end(struct session *session);

/* C_SessionCancel: ends what @flags name. v3.0 5.6.5 (C_SessionCancel). */
void session_cancel(struct session *session, CK_FLAGS flags);
/* Ends @operation (of @session) because of a call with bad arguments; returns @rv. v3.1 5.13.2 (C_Sign). */
CK_RV session_end_operation(struct session *session, struct operation *operation, CK_RV rv);
