/* SPDX-License-Identifier: Apache-2.0 */
/* audit_counts.c - how many signatures of each key are in one log: a table in memory over the store's. */
#include "proxy/audit/audit_counts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64
#define KEPT_MAX       8192 /* clean counts; half a megabyte */

void audit_counts_clear(struct audit_counts *counts)
{
    free(counts->places);
    *counts = (struct audit_counts){ 0 };
}

/* A key's name is a SHA-256, which needs no further hashing. Gives its place, or the free one where it belongs. */
static struct audit_count *place_of(const struct audit_counts *counts, const uint8_t key[KEY_NAME_LEN])
{
    uint64_t start;

    memcpy(&start, key, sizeof(start));
    for (size_t step = 0;; step++) {
        struct audit_count *place = &counts->places[(start + step) & (counts->capacity - 1)];

        if (!place->is_used || memcmp(place->key, key, KEY_NAME_LEN) == 0)
            return place;
    }
}

int audit_counts_reserve(struct audit_counts *counts)
{
    struct audit_counts larger = { .capacity = counts->capacity ? 2 * counts->capacity : CAPACITY_FIRST,
                                   .used = counts->used };

    if (2 * (counts->used + 1) <= counts->capacity) /* at least half is free, so that a search is short */
        return 0;
    larger.places = calloc(larger.capacity, sizeof(*larger.places));
    if (!larger.places)
        return -ENOMEM;
    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->places[i].is_used)
            *place_of(&larger, counts->places[i].key) = counts->places[i];
    free(counts->places);
    *counts = larger;
    return 0;
}

const struct audit_count *audit_counts_find(const struct audit_counts *counts,
                                            const uint8_t key[KEY_NAME_LEN])
{
    const struct audit_count *place = counts->capacity ? place_of(counts, key) : NULL;

    return place && place->is_used ? place : NULL;
}

void audit_counts_set(struct audit_counts *counts, const uint8_t key[KEY_NAME_LEN], uint64_t signatures,
                      uint64_t sequence, bool is_dirty)
{
    struct audit_count *place;

    assert(counts->used < counts->capacity);
    place = place_of(counts, key);
    counts->used += !place->is_used;
    *place = (struct audit_count){
        .signatures = signatures, .sequence = sequence, .is_used = true, .is_dirty = is_dirty
    };
    memcpy(place->key, key, KEY_NAME_LEN);
}

int audit_counts_dirty(const struct audit_counts *counts, struct audit_count **ret, size_t *ret_count)
{
    struct audit_count *dirty = calloc(counts->used + 1, sizeof(*dirty));
    size_t count = 0;

    if (!dirty)
        return -ENOMEM;
    for (size_t i = 0; i < counts->capacity; i++)
        if (counts->places[i].is_used && counts->places[i].is_dirty)
            dirty[count++] = counts->places[i];
    *ret = dirty;
    *ret_count = count;
    return 0;
}

void audit_counts_clean(struct audit_counts *counts, uint64_t sequence)
{
    bool is_clean = true;

    for (size_t i = 0; i < counts->capacity; i++) {
        counts->places[i].is_dirty &= counts->places[i].sequence > sequence;
        is_clean &= !counts->places[i].is_dirty;
    }
    if (is_clean && counts->used > KEPT_MAX)
        audit_counts_clear(counts);
}
