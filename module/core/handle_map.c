/* SPDX-License-Identifier: Apache-2.0 */
/* handle_map.c - handles by kind and digest: a list, searched from end to end when a snapshot has changed. */
#include "module/core/handle_map.h"

#include <stdlib.h>
#include <string.h>

void handle_map_init(struct handle_map *map, CK_SLOT_ID slot)
{
    *map = (struct handle_map){ .slot = slot };
}

void handle_map_clear(struct handle_map *map)
{
    free(map->entries);
    handle_map_init(map, map->slot);
}

/* Slots differ in the upper bits, so that a handle of one token means nothing to another. */
static CK_OBJECT_HANDLE handle_of(const struct handle_map *map, size_t index)
{
    return (map->slot + 1) << HANDLE_INDEX_BITS | (index + 1);
}

static CK_RV grow(struct handle_map *map)
{
    size_t capacity = map->capacity ? 2 * map->capacity : 32;
    struct handle_entry *entries;

    if (map->count < map->capacity)
        return CKR_OK;
    if (capacity > (size_t)1 << HANDLE_INDEX_BITS)
        return CKR_HOST_MEMORY;
    entries = realloc(map->entries, capacity * sizeof(*entries));
    if (!entries)
        return CKR_HOST_MEMORY;
    map->entries = entries;
    map->capacity = capacity;
    return CKR_OK;
}

CK_RV handle_map_get(struct handle_map *map, enum object_kind kind, const uint8_t digest[HASH_LEN],
                     CK_OBJECT_HANDLE *ret)
{
    CK_RV rv;

    for (size_t i = 0; i < map->count; i++) {
        if (map->entries[i].kind == kind && memcmp(map->entries[i].digest, digest, HASH_LEN) == 0) {
            *ret = handle_of(map, i);
            return CKR_OK;
        }
    }
    rv = grow(map);
    if (rv != CKR_OK)
        return rv;
    map->entries[map->count].kind = kind;
    memcpy(map->entries[map->count].digest, digest, HASH_LEN);
    *ret = handle_of(map, map->count++);
    return CKR_OK;
}
