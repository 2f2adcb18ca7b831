/* SPDX-License-Identifier: Apache-2.0 */
/* sequences.c - a small table without chains: a name has one slot, and the last to use it has it. */
#include "proxy/access/sequences.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a spreads names over the slots. Names are compared whole, so whoever chooses them chooses no confusion. */
static size_t slot_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
    return hash % SEQUENCE_SLOTS;
}

bool sequences_remember(struct sequences *seen, const char *name, uint64_t sequence)
{
    size_t slot = slot_of(name);

    if (strcmp(seen->slots[slot].name, name) == 0 && sequence < seen->slots[slot].sequence)
        return false;
    snprintf(seen->slots[slot].name, sizeof(seen->slots[slot].name), "%s", name);
    seen->slots[slot].sequence = sequence;
    return true;
}
