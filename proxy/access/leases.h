/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases.h - tokens that are unlocked in this process, each for one certificate.
 *
 * A lease owns its keys, its custody token (closed through lease->custody->close) and its window; it is found by id
 * and the least recently used makes room: its own token's, if that has its share of the places, else anybody's. It ends
 * at logout, when idle, at the end of its life or its certificate's, when the store says that the token, grant or
 * principal is no longer good for it, when another second factor is asked for, or when the store has said nothing for
 * too long.
 */
#pragma once

#include <stdint.h>

#include "proto/failure.h"
#include "proto/session_keys.h"
#include "proxy/access/identity.h"
#include "proxy/hsm/custody.h"
#include "proxy/store/store.h"

struct access;
struct lease_window;

struct lease {
    struct session_keys keys; /* keys.lease is its id */
    struct caller caller;
    struct token_row token; /* as of the last recheck */
    struct custody_token *custody_token;
    const struct custody_ops *custody;
    unsigned grant_bits;      /* as of the last recheck */
    uint32_t uses;            /* of keys, so far: policy.max_signatures bounds them */
    struct key_row *key_rows; /* believed: signing needs no store. lease_keep_key() */
    size_t key_row_count;
    enum second_factor factor; /* that was given when it was made */
    bool only_enrols;          /* one has to be enrolled first: it serves that alone */

    /* leases.c's own */
    int64_t used_ms, ends_ms;
    int64_t checked_ms;          /* when the store last confirmed it */
    int64_t tried_ms;            /* when the store was last asked */
    struct lease_window *window; /* lease_window.c's; NULL until the first request */
    struct lease *chain;         /* in its bucket */
    struct lease *token_chain;   /* in its token's */
    struct lease *newer, *older; /* by use */
};

/* Closes a lease that was never added. NULL is allowed. */
void lease_free(struct lease *lease);
DEFINE_CLEANUP(lease_free, struct lease *);

struct leases_config {
    uint32_t max; /* least recently used first out */
    uint32_t idle_ms;
    uint32_t life_ms;
    uint32_t recheck_ms;   /* 5 s: token version, lock, grant, certificate */
    uint32_t storeless_ms; /* 60 s: ends after so long without a store */
};

struct leases;

/* Copies @config. Errors: -EINVAL (max is 0), -ENOMEM. */
MUST_CHECK int leases_new(const struct leases_config *config, struct leases **ret);
void leases_free(struct leases *leases); /* closes every one */
DEFINE_CLEANUP(leases_free, struct leases *);
/*
 * Takes @lease (malloc'd, zeroed, filled above the line); evicts when full. It ends no later than its certificate.
 * Errors: -EEXIST (that id is taken: @lease stays the caller's).
 */
MUST_CHECK int leases_add(struct leases *leases, struct lease *lease, int64_t now_ms);
/* After how long without use a lease of @token ends. */
uint32_t lease_idle_ms(const struct leases *leases, const struct token_row *token);
/* NULL: not here, or ended (then it is closed). Does not count as use. */
struct lease *leases_find(struct leases *leases, struct bytes id, int64_t now_ms);
/*
 * Counts as use, so call it once the request has proved to be the lease's; rechecks it against the store when due.
 * A new snapshot version ends nothing: a new certificate must not log people out.
 * Errors: REASON_UNLOCK_REQUIRED (it ended: PIN version, lock, enabled, grant, certificate, time; it is removed),
 * never REASON_STORE: without a store it goes on until storeless_ms have passed.
 */
MUST_CHECK enum reason lease_recheck(struct leases *leases, struct access *access, struct lease *lease,
                                     int64_t now_ms);
/*
 * The token's key of that name as it was when the lease was made, or at its first use since keys were forgotten: when the
 * token's version changes, which a recheck sees, and by leases_forget_keys(). NULL: not known. Lent until then.
 */
const struct key_row *lease_find_key(const struct lease *lease, const uint8_t name[KEY_NAME_LEN]);
/* Keeps a row that is believed; @row's content moves to the lease. Errors: -ENOMEM. */
MUST_CHECK int lease_keep_key(struct lease *lease, struct key_row *row);
/* A token's keys have changed. */
void leases_forget_keys(struct leases *leases, int64_t token_id);
/*
 * While @is_held, somebody waits for the store in the middle of a call and may look at any lease: none is removed
 * before that is over (it has ended all the same), and none is rechecked.
 */
void leases_hold(struct leases *leases, bool is_held);
/* Closes and frees @lease; while leases are held, ends it. */
void leases_remove(struct leases *leases, struct lease *lease);
/*
 * Ends those whose time has come (with a clock that was set back, all), and all of a token (@token_id != 0: PIN
 * changed, locked, disabled).
 */
void leases_sweep(struct leases *leases, int64_t now_ms, int64_t token_id);
size_t leases_count(const struct leases *leases);
