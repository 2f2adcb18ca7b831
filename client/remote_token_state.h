/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote_token_state.h - what a struct remote_token holds, and the steps that its files share:
 * remote_token.c fetches, remote_token_login.c logs in and out, remote_token_unlock.c unlocks and confirms,
 * remote_token_pin.c sets PINs, remote_token_use.c makes the calls of a login.
 *
 * Threads: token->lock guards everything that changes and is never held across the network. Fetches may run side by
 * side; one unlock runs at a time, and whoever needs a lease meanwhile waits for that one's outcome.
 */
#pragma once

#include <pthread.h>

#include "client/lease_set.h"
#include "client/login.h"
#include "client/pin_policy.h"
#include "client/remote.h"
#include "client/remote_call.h"
#include "client/stretch.h"

enum remote_login_state {
    LOGIN_NONE,
    LOGIN_UNDER_WAY, /* one thread is proving a PIN; the others wait */
    LOGIN_HELD,
    LOGIN_PARKED, /* logged out, but the same PIN within a few seconds brings it back */
};

/* What the server says that the next sealed call needs. Served with every snapshot. */
struct remote_terms {
    uint8_t salt[SALT_LEN];
    struct stretch_cost cost;
    uint32_t pin_version;
    struct pin_policy policy;
    bool needs_device_secret; /* the token's policy */
    bool asks_code;           /* of a second factor, beside the PIN */
    uint32_t first_version;   /* of the first PIN */
    struct seal_target target;
    bool has_challenge; /* single use: false once it was taken */
    int64_t fetched_ms; /* 0: never */
};

struct remote_token {
    struct remote *remote; /* fixed, as is name */
    char *name;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* login_state or is_unlocking */
    enum remote_login_state login_state;
    struct login *login;     /* HELD, PARKED */
    struct lease_set leases; /* of that login; none: unlock first */
    int64_t parked_until_ms;
    uint8_t ticket[TICKET_LEN]; /* of that login: stands for the code that was given */
    bool has_ticket;

    bool is_unlocking;
    int64_t unlock_ends_ms;            /* the deadline of the one under way, or of the last */
    uint64_t unlocks_ended;            /* how many */
    struct remote_error unlock_result; /* of the last one */

    struct remote_terms terms;
    struct remote_snapshot *snapshot;
    int64_t snapshot_ms;         /* when it was fetched */
    uint8_t confirmed[HASH_LEN]; /* the snapshot's hash as a signer proved it last */
    bool has_confirmed;
    bool is_proof_newer; /* than the snapshot */
};

/* remote_token.c: GetToken, into snapshot and terms. */
MUST_CHECK CK_RV remote_token_fetch(struct remote_token *token, int64_t deadline_ms,
                                    struct remote_error *error);
/* Terms with a challenge that is still good; fetched when there are none. The challenge stays to be taken. */
MUST_CHECK CK_RV remote_token_terms(struct remote_token *token, int64_t deadline_ms, struct remote_terms *ret,
                                    struct remote_error *error);
/* The same, and the challenge is the caller's: nobody else gets it. */
MUST_CHECK CK_RV remote_token_take_target(struct remote_token *token, int64_t deadline_ms,
                                          struct seal_target *ret, struct remote_error *error);
/* A fresh challenge that came with a failure. */
void remote_token_keep_challenge(struct remote_token *token, const struct failure *failure);
/* The next call that needs terms fetches them. */
void remote_token_forget_terms(struct remote_token *token);
/* Whether the snapshot at hand is the one a signer proved; marks it. */
bool remote_token_is_confirmed(struct remote_token *token);

/* remote_token_unlock.c: Unlock with @login. Sets lease and confirmed hash. */
MUST_CHECK CK_RV remote_token_unlock(struct remote_token *token, struct login *login, int64_t deadline_ms,
                                     struct remote_error *error);
/*
 * A sealed call of @token's that holds S. @certificate_hash, a field of @request, is filled in. Where the signer says
 * that S opens nothing any more: CKR_USER_NOT_LOGGED_IN.
 */
MUST_CHECK CK_RV remote_token_sealed(struct remote_token *token, enum method_id id,
                                     const ProtobufCMessage *request, ProtobufCBinaryData *certificate_hash,
                                     int64_t deadline_ms, ProtobufCMessage **ret, struct remote_error *error);
/*
 * A lease of @login other than @stale, which was refused; unlocks where there is none, or too few for calls that use a
 * key (lease_set.h).
 */
MUST_CHECK CK_RV remote_token_lease_get(struct remote_token *token, struct login *login, bool uses_key,
                                        const struct lease *stale, int64_t deadline_ms, struct lease **ret,
                                        struct remote_error *error);
/* Brings snapshot and proof together: fetches and unlocks until they agree. Errors: CKR_DEVICE_ERROR. */
MUST_CHECK CK_RV remote_token_confirm(struct remote_token *token, struct login *login, int64_t deadline_ms,
                                      struct remote_error *error);
/* The ticket that came with an answer; an empty one changes nothing. */
void remote_token_keep_ticket(struct remote_token *token, const ProtobufCBinaryData *ticket);
/* The ticket for a request, copied into @room; empty: there is none. */
ProtobufCBinaryData remote_token_ticket(struct remote_token *token, uint8_t room[TICKET_LEN]);

/* remote_token_use.c: one session call under @lease; no unlocking, no repeat elsewhere. */
MUST_CHECK CK_RV remote_token_call(struct remote_token *token, struct lease *lease,
                                   const struct method *method, struct bytes request, int64_t deadline_ms,
                                   struct secret **ret, struct remote_error *error);
/* A call of the login that is held, under whatever lease works. */
MUST_CHECK CK_RV remote_token_call_in_login(struct remote_token *token, enum method_id id,
                                            const ProtobufCMessage *request, int64_t deadline_ms,
                                            ProtobufCMessage **ret, struct remote_error *error);

/*
 * remote_token_login.c: a PIN's length, and that of what is typed: with a second factor it ends in a code. Errors:
 * CKR_PIN_LEN_RANGE.
 */
MUST_CHECK CK_RV remote_token_check_pin(struct bytes pin, struct remote_error *error);
MUST_CHECK CK_RV remote_token_check_typed(struct bytes typed, struct remote_error *error);
/* S of @pin as it counts under @pin_version; @device_secret NULL: none is mixed in. */
MUST_CHECK CK_RV remote_token_stretch_with(struct remote_token *token, const struct remote_terms *terms,
                                           struct bytes pin, uint32_t pin_version,
                                           const struct secret *device_secret, struct secret **ret,
                                           struct remote_error *error);
/* What was typed as it counts under @pin_version, with S in place; the code aside. */
MUST_CHECK CK_RV remote_token_make_login(struct remote_token *token, const struct remote_terms *terms,
                                         struct bytes typed, uint32_t pin_version,
                                         const struct secret *device_secret, struct login **ret,
                                         struct remote_error *error);
/* The login that is held, with a reference. Errors: CKR_USER_NOT_LOGGED_IN. */
MUST_CHECK CK_RV remote_token_login_get(struct remote_token *token, struct login **ret,
                                        struct remote_error *error);
/* Ends @login, unless another took its place: the next use asks the application to log in. */
void remote_token_end_login(struct remote_token *token, const struct login *login);
/* Under lock: S is wiped with the last call that still uses it. */
void remote_token_drop_login(struct remote_token *token);
/* Ends a parked login whose time is over. */
void remote_token_reap(struct remote_token *token);

/* remote_token_pin.c: what @terms ask of a new PIN. Errors: CKR_PIN_LEN_RANGE, CKR_PIN_INVALID, with a sentence. */
MUST_CHECK CK_RV remote_token_check_new_pin(const struct remote_token *token,
                                            const struct remote_terms *terms, struct bytes pin,
                                            struct remote_error *error);
/* The same of a PIN that is to be set: with the device secret that goes into new ones. */
MUST_CHECK CK_RV remote_token_stretch(struct remote_token *token, const struct remote_terms *terms,
                                      struct bytes pin, uint32_t pin_version, struct secret **ret,
                                      struct remote_error *error);
/* Moves a secret out of a reply: protobuf-c's own copy is wiped before it is freed. */
MUST_CHECK CK_RV remote_take_secret(ProtobufCBinaryData *field, struct secret **ret,
                                    struct remote_error *error);
