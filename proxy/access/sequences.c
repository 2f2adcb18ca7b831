/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequences.c - a table with open addressing that doubles when it is three quarters full. A name is its 64-bit hash: two
 * of a million names agree once in 30 million deployments, and then one of the two is refused, not believed.
 */
#include "proxy/access/sequences.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SIZE_FIRST ((size_t)1024)

struct sequence {
    uint64_t name; /* 0: empty */
    uint64_t highest;
};

/* FNV-1a, from a seed that nobody knows instead of its offset basis. */
static uint64_t hash_of(uint64_t seed, const char *name)
{
    uint64_t hash = seed;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
    return hash ? hash : 1;
}

/* The high half: FNV's low bits know only the low bits of what went in. */
static struct sequence *find(struct sequence *slots, size_t size, uint64_t name)
{
    size_t at = (name ^ name >> 32) & (size - 1);

    while (slots[at].name && slots[at].name != name)
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static bool grow(struct sequences *seen)
{
    size_t size = seen->size ? 2 * seen->size : SIZE_FIRST;
    struct sequence *slots = seen->count < SEQUENCES_MAX ? calloc(size, sizeof(*slots)) : NULL;

    if (!slots)
        return false;
    if (!seen->size && getrandom(&seen->seed, sizeof(seen->seed), 0) != (ssize_t)sizeof(seen->seed)) {
        free(slots);
        return false;
    }
    for (size_t i = 0; i < seen->size; i++)
        if (seen->slots[i].name)
            *find(slots, size, seen->slots[i].name) = seen->slots[i];
    free(seen->slots);
    seen->slots = slots;
    seen->size = size;
    return true;
}

void sequences_clear(struct sequences *seen)
{
    free(seen->slots);
    *seen = (struct sequences){ 0 };
}

bool sequences_remember(struct sequences *seen, const char *name, uint64_t sequence)
{
    struct sequence *slot;
    uint64_t hash;
    bool has_room = seen->count < seen->size / 4 * 3 || grow(seen);

    if (!seen->size)
        return true;
    hash = hash_of(seen->seed, name);
    slot = find(seen->slots, seen->size, hash);
    if (slot->name)
        return slot->highest <= sequence ? (slot->highest = sequence, true) : false;
    if (has_room) {
        *slot = (struct sequence){ hash, sequence };
        seen->count++;
    }
    return true;
}
