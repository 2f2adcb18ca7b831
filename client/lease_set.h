/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_set.h - the leases of one login: the first, and more when several threads use keys at once.
 *
 * A lease is one signer's, and a signer does one thing at a time: a process that signs in many threads would keep one
 * core of the proxy busy and no other. So when calls find every lease in use often enough, the login unlocks the token
 * at another signer, as far as the answer to Unlock said that this gains anything. A process that signs now and then
 * has one lease and pays for one Unlock.
 *
 * Threads: the caller's lock guards a set; lease->calls is counted without.
 */
#pragma once

#include "client/login.h"

#define LEASES_MOST 16

struct lease_set {
    struct lease *leases[LEASES_MOST]; /* each of another signer; the first is everybody's */
    size_t count;
    unsigned useful;   /* how many are worth having; 0 is 1 */
    unsigned crowded;  /* calls that found every lease in use, since it was last looked at */
    unsigned patience; /* with how many of them; set by lease_set_clear(), with which a set begins */
};

/* Takes @lease, in place of what there is of the same signer; of @useful signers each may have one. */
void lease_set_put(struct lease_set *set, struct lease *lease, unsigned useful);
/*
 * A lease for the next call, with a reference: for one that uses a key the one with the least to do, for everything else
 * the first, so that changes of a token follow each other. NULL: there is none.
 */
struct lease *lease_set_get(struct lease_set *set, bool uses_key);
/* Whether the next call should unlock at another signer first. Then it counts anew, to a higher number. */
bool lease_set_wants_more(struct lease_set *set);
/* A lease that a signer did not know. */
void lease_set_drop(struct lease_set *set, const struct lease *stale);
void lease_set_clear(struct lease_set *set);
DEFINE_CLEAR(lease_set_clear, struct lease_set);
