/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle_map.h - from what an object is to its CK_OBJECT_HANDLE, for as long as the module is initialized.
 *
 * An application keeps handles across logins and sessions, while the objects behind them are built anew from
 * every snapshot. So a handle belongs to the key or certificate itself, named by digest, and is never given
 * to another: what comes back has its old handle, and the handle of what is gone finds nothing.
 * Threads: none of its own; the slot's lock guards it.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"
#include "module/core/object.h"
#include "proto/limits.h"

#define HANDLE_INDEX_BITS 20 /* objects one slot may ever have shown; the slot stands above them */

struct handle_entry {
    enum object_kind kind;
    uint8_t digest[HASH_LEN];
};

struct handle_map {
    CK_SLOT_ID slot;
    struct handle_entry *entries; /* the handle is the index, plus one */
    size_t count, capacity;
};

void handle_map_init(struct handle_map *map, CK_SLOT_ID slot);
void handle_map_clear(struct handle_map *map);
/* The handle of (@kind, @digest), a new one if it never had one. Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV handle_map_get(struct handle_map *map, enum object_kind kind, const uint8_t digest[HASH_LEN],
                                CK_OBJECT_HANDLE *ret);
