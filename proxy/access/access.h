/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - who may do what: identity, grants, PIN checks and their counting, row MACs, challenges, leases.
 *
 * Everything here is default deny. Everything that decides is read inside the transaction that records it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/secret.h"
#include "proto/failure.h"
#include "proto/method.h"
#include "proto/session_keys.h"
#include "proxy/hsm/custody.h"
#include "proxy/hsm/hsm.h"
#include "proxy/store/store.h"

struct access {
    const char *realm;
    uint32_t signer; /* our index: in challenges and leases */
    struct store *store;
    struct hsm *hsm;
};

/* ------------------------------------------------------------------------------------------------ identity */

struct caller {
    bool is_known; /* a registered, unrevoked certificate of an enabled principal */
    struct principal_row principal;
    struct principal_certificate_row certificate;
    uint8_t certificate_hash[HASH_LEN];
};

/* Looks the certificate up. An unknown one is a caller who is not known, not an error. Errors: REASON_STORE. */
MUST_CHECK enum reason identity_find(struct access *access, struct bytes certificate_hash,
                                     struct caller *ret);

/* -------------------------------------------------------------------------------------------------- policy */

/*
 * Whether @caller has @permission, on @token where the permission speaks of one (else NULL).
 * Errors: REASON_NOT_PERMITTED, REASON_DISABLED, REASON_STORE.
 */
MUST_CHECK enum reason policy_check(struct access *access, const struct caller *caller,
                                    enum permission permission, const struct token_row *token);

/* ------------------------------------------------------------------------------------------------ row MACs */

/* Sets or checks @row->mac under Krow over every other field (and the realm). Errors: REASON_INTEGRITY, _HSM. */
MUST_CHECK enum reason row_mac_token(struct access *access, struct token_row *row);
MUST_CHECK enum reason row_check_token(struct access *access, const struct token_row *row);
MUST_CHECK enum reason row_mac_access(struct access *access, struct access_row *row);
MUST_CHECK enum reason row_check_access(struct access *access, const struct access_row *row);
MUST_CHECK enum reason row_mac_key(struct access *access, struct key_row *row);
MUST_CHECK enum reason row_check_key(struct access *access, const struct key_row *row);
MUST_CHECK enum reason row_mac_attempt(struct access *access, struct attempt_row *row);
MUST_CHECK enum reason row_check_attempt(struct access *access, const struct attempt_row *row);

/*
 * Reads a token by name and checks its MAC, and that its sequence is not older than this signer has seen.
 * Errors: REASON_NOT_PERMITTED (no such token: looks like one without a grant), REASON_INTEGRITY, REASON_STORE.
 */
MUST_CHECK enum reason token_load(struct access *access, const char *name, struct token_row *ret);
/* sequence + 1, MAC, compare-and-set. On success @row holds the new sequence and MAC. */
MUST_CHECK enum reason token_save(struct access *access, struct token_row *row);

/* ---------------------------------------------------------------------------------------- PINs and attempts */

/* salt = HMAC(Ksalt, context(realm, token name)): also for a token that does not exist. */
MUST_CHECK enum reason pin_salt(struct access *access, const char *token, uint8_t ret[SALT_LEN]);
/* check = HMAC(Kcheck, context(realm, token, row, version, S)). */
MUST_CHECK enum reason pin_check_value(struct access *access, const struct token_row *token,
                                       const struct access_row *row, struct bytes s, uint8_t ret[HASH_LEN]);

struct attempt {
    struct attempt_row row;
    int64_t token_id;
};

enum attempt_outcome {
    ATTEMPT_RIGHT,       /* reservation and this principal's failures are cleared */
    ATTEMPT_WRONG,       /* becomes a failure; the tenth locks the token */
    ATTEMPT_NOT_CHECKED, /* given back: HSM or store failed before the check */
};

/*
 * Reserves an attempt, committed before it returns. Five at once; 1 min before the 6th; 5 min before the 7th; 1 h
 * before each of the 8th to 10th; the 10th failure locks. A reservation older than 30 s is a failure. Open
 * reservations make others wait (REASON_BUSY), they do not lock.
 * Errors: REASON_PIN_LOCKED, REASON_PIN_DELAYED (@why->retry_after_ms), REASON_BUSY, REASON_STORE, _INTEGRITY.
 */
MUST_CHECK enum reason attempt_reserve(struct access *access, const struct token_row *token,
                                       const struct caller *caller, int64_t now_ms, struct attempt *ret,
                                       struct failure *why);
/* Commits the outcome. @ret_tries_left: before the token locks. */
MUST_CHECK enum reason attempt_settle(struct access *access, struct token_row *token,
                                      const struct attempt *attempt, enum attempt_outcome outcome,
                                      int64_t now_ms, uint32_t *ret_tries_left);
/* For GetToken: what a caller should know. */
MUST_CHECK enum reason attempt_state(struct access *access, const struct token_row *token,
                                     const struct caller *caller, int64_t now_ms,
                                     Privyseal__V1__PinState *ret, uint32_t *ret_retry_after_ms,
                                     uint32_t *ret_failures);
/* The operator's unlock: clears the lock and all failures; the PIN stays. */
MUST_CHECK enum reason attempt_clear(struct access *access, struct token_row *token);

/* ---------------------------------------------------------------------------------------------- challenges */

/* Made by this signer, good here once, for CHALLENGE_LIFE_MS. Layout in limits.h; MACed under a key of the process. */
struct challenges;
MUST_CHECK int challenges_new(uint32_t signer, struct challenges **ret);
void challenges_free(struct challenges *challenges);
DEFINE_CLEANUP(challenges_free, struct challenges *);
MUST_CHECK int challenge_make(struct challenges *challenges, int64_t now_ms, uint8_t ret[CHALLENGE_LEN]);
/* Whether it is ours, fresh, unused; and uses it up. Errors: REASON_CHALLENGE_STALE, REASON_BUSY (too many open). */
MUST_CHECK enum reason challenge_use(struct challenges *challenges, struct bytes challenge, int64_t now_ms);

/* -------------------------------------------------------------------------------------------------- leases */

/* An unlocked token, for one certificate. Lives in this process only. */
struct lease {
    struct session_keys keys; /* keys.lease is its id */
    struct caller caller;
    struct token_row token; /* as of the last recheck */
    struct custody_token *custody_token;
    const struct custody_ops *custody;
    unsigned grant_bits;
    int64_t used_ms, ends_ms, checked_ms;
    struct lease_window *window;
    struct lease *next; /* leases.c */
};

struct leases_config {
    uint32_t max; /* least recently used first out */
    uint32_t idle_ms;
    uint32_t life_ms;
    uint32_t recheck_ms;   /* 5 s: token version, lock, grant, certificate */
    uint32_t storeless_ms; /* 60 s: ends after so long without a store */
};

struct leases;
MUST_CHECK int leases_new(const struct leases_config *config, struct leases **ret);
void leases_free(struct leases *leases); /* closes every one */
DEFINE_CLEANUP(leases_free, struct leases *);
/* Takes @lease (malloc'd, filled but for times); evicts when full. */
MUST_CHECK int leases_add(struct leases *leases, struct lease *lease, int64_t now_ms);
/* NULL: not here, or ended. Does not count as use. */
struct lease *leases_find(struct leases *leases, struct bytes id, int64_t now_ms);
/*
 * Rechecks the lease against the store when due. Errors: REASON_UNLOCK_REQUIRED (it ended: version, lock, grant,
 * certificate, time; it is removed), never REASON_STORE before storeless_ms have passed.
 */
MUST_CHECK enum reason lease_recheck(struct leases *leases, struct access *access, struct lease *lease,
                                     int64_t now_ms);
void leases_remove(struct leases *leases, struct lease *lease);
/* Ends those whose time has come, and all of a token (@token_id != 0: PIN changed, locked, disabled). */
void leases_sweep(struct leases *leases, int64_t now_ms, int64_t token_id);
size_t leases_count(const struct leases *leases);

/*
 * The window of sequences. A new number: REASON_NONE and *ret_reply NULL. The same number and bytes again:
 * REASON_NONE and the reply that was given. Other bytes, or older than the window: REASON_REPLAY.
 */
MUST_CHECK enum reason lease_window_enter(struct lease *lease, uint64_t sequence,
                                          const uint8_t request_hash[HASH_LEN],
                                          const struct buffer **ret_reply);
/* Keeps a copy of the serialized EnvelopeReply for a repeat. */
void lease_window_keep(struct lease *lease, uint64_t sequence, struct bytes reply);
