/* SPDX-License-Identifier: Apache-2.0 */
/* lease_set.c - a short list. The first two bytes of a lease's id name its signer (proto/method.h). */
#include "client/lease_set.h"

#include <string.h>

#define SIGNER_LEN 2
#define CROWDED_FIRST                                                                                        \
    8 /* calls in each other's way: a few threads that sign for longer than an Unlock takes */
#define CROWDED_MORE 16 /* times as many, each further time: the front may choose the same signer again */
#define CROWDED_MOST (1u << 24)

static bool is_of_same_signer(const struct lease *a, const struct lease *b)
{
    return memcmp(a->keys.lease, b->keys.lease, SIGNER_LEN) == 0;
}

void lease_set_put(struct lease_set *set, struct lease *lease, unsigned useful)
{
    size_t i = 0;

    set->useful = useful < LEASES_MOST ? useful : LEASES_MOST;
    while (i < set->count && !is_of_same_signer(set->leases[i], lease))
        i++;
    if (i == set->count && i > 0 && i >= set->useful)
        i = 0; /* fewer signers than there were, or another proxy's: the newest counts */
    if (i < set->count)
        lease_unref(set->leases[i]);
    else
        set->count++;
    set->leases[i] = lease;
}

struct lease *lease_set_get(struct lease_set *set, bool uses_key)
{
    struct lease *least = set->count ? set->leases[0] : NULL;

    for (size_t i = 1; uses_key && i < set->count; i++)
        if (atomic_load(&set->leases[i]->calls) < atomic_load(&least->calls))
            least = set->leases[i];
    if (uses_key && least && atomic_load(&least->calls) > 0)
        set->crowded++;
    return least ? lease_ref(least) : NULL;
}

bool lease_set_wants_more(struct lease_set *set)
{
    if (set->count == 0 || set->count >= set->useful || set->crowded < set->patience)
        return false;
    set->crowded = 0;
    set->patience = set->patience < CROWDED_MOST ? set->patience * CROWDED_MORE : CROWDED_MOST;
    return true;
}

void lease_set_drop(struct lease_set *set, const struct lease *stale)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->leases[i] == stale) {
            lease_unref(set->leases[i]);
            memmove(&set->leases[i], &set->leases[i + 1], (set->count - i - 1) * sizeof(*set->leases));
            set->count--;
            set->patience = CROWDED_FIRST; /* its signer was replaced, most likely */
            return;
        }
}

void lease_set_clear(struct lease_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        lease_unref(set->leases[i]);
    *set = (struct lease_set){ .patience = CROWDED_FIRST };
}
