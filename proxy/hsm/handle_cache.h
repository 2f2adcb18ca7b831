/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_cache.h - users' keys that are ready to sign: at most so many in the process, least recently used first out.
 *
 * Every unlocked token owns a list of its keys; all lists share one bound and one order of use. C_FindObjects and
 * C_CloseSession are never needed while serving: each walks every object of the process under a lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/public_key.h"
#include "proxy/hsm/hsm_session.h"

struct handle_cache;

/* One unlocked token's keys. Zero but for the first two fields at first. */
struct handle_owner {
    const struct hsm_session *session; /* the handles are valid in */
    bool is_temporary;                 /* session objects: destroyed when they leave the cache */
    struct key_handle *first;
};

struct key_handle {
    uint8_t name[KEY_NAME_LEN];
    CK_OBJECT_HANDLE object;
    struct public_key *public_key;
    bool is_proved; /* a signature by this handle was verified with the stored public key */
    struct handle_owner *owner;
    struct key_handle *next;          /* of the same owner */
    struct key_handle *newer, *older; /* over all owners */
};

MUST_CHECK CK_RV handle_cache_new(size_t max, struct handle_cache **ret);
/* Every owner was cleared before. NULL is allowed. */
void handle_cache_free(struct handle_cache *cache);

/* Lends; NULL: not there. It becomes the most recently used. */
struct key_handle *handle_cache_peek(struct handle_cache *cache, struct handle_owner *owner,
                                     const uint8_t name[KEY_NAME_LEN]);
/*
 * Takes @object and @public_key in, on errors too (then both are gone). Lends the new entry until the next put, drop
 * or clear. Errors: CKR_HOST_MEMORY.
 */
MUST_CHECK CK_RV handle_cache_put(struct handle_cache *cache, struct handle_owner *owner,
                                  const uint8_t name[KEY_NAME_LEN], CK_OBJECT_HANDLE object,
                                  struct public_key *public_key, struct key_handle **ret);
void handle_cache_drop(struct handle_cache *cache, struct key_handle *entry);
void handle_cache_clear(struct handle_cache *cache, struct handle_owner *owner);
size_t handle_cache_count(const struct handle_cache *cache);
/* Whether the next one that is put makes the least recently used leave. */
bool handle_cache_is_full(const struct handle_cache *cache);
