/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_cache.c - keys ready to sign. A token has at most KEYS_PER_TOKEN_MAX keys, so its list is walked; the order of
 * use over all tokens is a ring around one entry that is never a key.
 */
#include "proxy/hsm/handle_cache.h"

#include <stdlib.h>
#include <string.h>

struct handle_cache {
    struct key_handle ring; /* ring.older: the most recently used; ring.newer: the least */
    size_t count, max;
};

CK_RV handle_cache_new(size_t max, struct handle_cache **ret)
{
    struct handle_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return CKR_HOST_MEMORY;
    cache->max = max ? max : 1; /* the key in use needs a place */
    cache->ring.newer = cache->ring.older = &cache->ring;
    *ret = cache;
    return CKR_OK;
}

void handle_cache_free(struct handle_cache *cache)
{
    free(cache);
}

static void ring_out(struct key_handle *entry)
{
    entry->newer->older = entry->older;
    entry->older->newer = entry->newer;
}

static void ring_in(struct handle_cache *cache, struct key_handle *entry)
{
    entry->newer = &cache->ring;
    entry->older = cache->ring.older;
    entry->older->newer = entry;
    cache->ring.older = entry;
}

struct key_handle *handle_cache_peek(struct handle_cache *cache, struct handle_owner *owner,
                                     const uint8_t name[KEY_NAME_LEN])
{
    for (struct key_handle *entry = owner->first; entry; entry = entry->next) {
        if (memcmp(entry->name, name, KEY_NAME_LEN) != 0)
            continue;
        ring_out(entry);
        ring_in(cache, entry);
        return entry;
    }
    return NULL;
}

CK_RV handle_cache_put(struct handle_cache *cache, struct handle_owner *owner,
                       const uint8_t name[KEY_NAME_LEN], CK_OBJECT_HANDLE object,
                       struct public_key *public_key, struct key_handle **ret)
{
    struct key_handle *entry = calloc(1, sizeof(*entry));

    if (!entry) {
        if (owner->is_temporary)
            hsm_session_destroy(owner->session, object);
        public_key_free(public_key);
        return CKR_HOST_MEMORY;
    }
    if (handle_cache_is_full(cache))
        handle_cache_drop(cache, cache->ring.newer);
    memcpy(entry->name, name, KEY_NAME_LEN);
    entry->object = object;
    entry->public_key = public_key;
    entry->owner = owner;
    entry->next = owner->first;
    owner->first = entry;
    ring_in(cache, entry);
    cache->count++;
    *ret = entry;
    return CKR_OK;
}

void handle_cache_drop(struct handle_cache *cache, struct key_handle *entry)
{
    struct key_handle **link = &entry->owner->first;

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    ring_out(entry);
    cache->count--;
    if (entry->owner->is_temporary)
        hsm_session_destroy(entry->owner->session, entry->object);
    public_key_free(entry->public_key);
    free(entry);
}

void handle_cache_clear(struct handle_cache *cache, struct handle_owner *owner)
{
    while (owner->first)
        handle_cache_drop(cache, owner->first);
}

size_t handle_cache_count(const struct handle_cache *cache)
{
    return cache->count;
}

bool handle_cache_is_full(const struct handle_cache *cache)
{
    return cache->count >= cache->max;
}
