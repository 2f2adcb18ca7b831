/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - a slot and its token: presence, information, objects, login.
 *
 * A slot belongs to one configured token for as long as the module is initialized, server or no server. What
 * it knows of the token is a snapshot, asked for again when it has grown old; everything between two
 * snapshots is answered here. A login belongs to the application, not to a session.
 * Source:  PKCS#11 v3.1 5.5 (Slot and token management), 5.6.8 (C_Login), 5.6.10 (C_Logout).
 * Threads: any; the lock is never held across an RPC. Lock order: session table, session, slot.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "module/core/link.h"
#include "module/core/object_set.h"
#include "module/core/secret_object.h"

/* How old a snapshot may be, for whom. Browsers poll presence; a listing should not miss a new key. */
#define PRESENCE_AGE_MS 5000U
#define LISTING_AGE_MS  60000U
#define ANY_AGE_MS      UINT32_MAX /* what is at hand; asked for only if nothing is */

struct slot {
    CK_SLOT_ID id;     /* fixed */
    char *name;        /* fixed: the token's at the server */
    char *filter;      /* fixed: which keys to show; NULL: all */
    struct link *link; /* fixed; NULL: the configuration names an identity that does not exist */
    pthread_mutex_t lock;
    struct remote_token *token;   /* guarded by lock until made, then fixed */
    struct object_set *objects;   /* guarded by lock; the set itself is immutable */
    struct handle_map handles;    /* guarded by lock */
    struct secret_list secrets;   /* guarded by lock */
    _Atomic int64_t listed_until; /* clock_now_ms(); before it, the server's list of tokens had it */
    atomic_bool is_stale;         /* the PIN's state changed: the next C_GetTokenInfo asks again */
    size_t session_count, rw_session_count; /* guarded by the session table's lock */
};

/* @name and @filter are copied. @link: lent for as long as the slot. Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV slot_new(CK_SLOT_ID id, const char *name, const char *filter, struct link *link,
                          struct slot **ret);
void slot_free(struct slot *slot);
DEFINE_CLEANUP(slot_free, struct slot *);

/*
 * The objects of a snapshot no older than @max_age_ms. When the server cannot be asked and @max_age_ms allows
 * no less, the last known ones serve a listing (LISTING_AGE_MS or more), not a question for presence.
 * Errors: CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR, CKR_HOST_MEMORY.
 */
MUST_CHECK CK_RV slot_objects(struct slot *slot, unsigned max_age_ms, struct object_set **ret,
                              struct remote_error *error);
/* The set at hand, without a look at the server; NULL: none yet. The caller gives it back. */
struct object_set *slot_known_objects(struct slot *slot);
/* What a call of ours changed at the server shows at once; without the server, when it is next asked. */
void slot_adopt_changes(struct slot *slot);
/* Asks about the token, unless the server has just listed it: of a thousand, none is asked about. */
bool slot_is_present(struct slot *slot, struct remote_error *error);
/* The server has just listed the token. */
void slot_was_listed(struct slot *slot);

void slot_info(struct slot *slot, CK_SLOT_INFO *ret, struct remote_error *error);
/* Session counts are the caller's to fill in. Errors: as slot_objects(). */
MUST_CHECK CK_RV slot_token_info(struct slot *slot, CK_TOKEN_INFO *ret, struct remote_error *error);

/* The token at the server, to call remote_token_*() with. Lent for as long as the slot. */
MUST_CHECK CK_RV slot_token(struct slot *slot, struct remote_token **ret, struct remote_error *error);
bool slot_is_logged_in(struct slot *slot);
/* Errors: those of C_Login. */
MUST_CHECK CK_RV slot_login(struct slot *slot, struct bytes pin, struct remote_error *error);
/* Ends the login, and with it all secret keys. Errors: CKR_USER_NOT_LOGGED_IN. */
MUST_CHECK CK_RV slot_logout(struct slot *slot);
/* The PIN anew, for one signature; @ret ends with remote_consent_free(). Errors: those of C_Login. */
MUST_CHECK CK_RV slot_consent(struct slot *slot, struct bytes pin, struct login **ret,
                              struct remote_error *error);

/* Secret keys of sessions: secret_object.h under the slot's lock. */
CK_OBJECT_HANDLE slot_secret_add(struct slot *slot, struct secret_object *secret);
struct secret_object *slot_secret_get(struct slot *slot, CK_OBJECT_HANDLE handle);
bool slot_secret_remove(struct slot *slot, CK_OBJECT_HANDLE handle);
/* NULL: those of every session. */
void slot_secrets_end(struct slot *slot, const struct session *session);
/* Handles of those that have every one of @wanted, at most @max; how many. */
size_t slot_secrets_find(struct slot *slot, const CK_ATTRIBUTE *wanted, size_t count, CK_OBJECT_HANDLE *ret,
                         size_t max);
size_t slot_secrets_count(struct slot *slot);

/* What a failure at the server is called by a function that has a session, for sessions outlive it. */
MUST_CHECK CK_RV slot_session_rv(struct slot *slot, CK_RV rv);
