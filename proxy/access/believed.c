/* SPDX-License-Identifier: Apache-2.0 */
/* believed.c - a small table without chains, by the row's own hash. */
#include "proxy/access/believed.h"

#include <string.h>

#include "proto/digest.h"

/* Nobody gains by choosing rows that meet: each is then asked about, as if there were no table. */
static size_t slot_of(const uint8_t row[HASH_LEN])
{
    uint64_t start;

    memcpy(&start, row, sizeof(start));
    return start % BELIEVED_SLOTS;
}

bool believed_has(const struct believed *believed, struct bytes row, const uint8_t mac[HASH_LEN])
{
    uint8_t hash[HASH_LEN];
    size_t slot;

    if (digest_sha256(NULL, row, hash) < 0)
        return false;
    slot = slot_of(hash);
    return memcmp(believed->slots[slot].row, hash, HASH_LEN) == 0 &&
           memcmp(believed->slots[slot].mac, mac, HASH_LEN) == 0;
}

void believed_add(struct believed *believed, struct bytes row, const uint8_t mac[HASH_LEN])
{
    uint8_t hash[HASH_LEN];
    size_t slot;

    if (digest_sha256(NULL, row, hash) < 0)
        return;
    slot = slot_of(hash);
    memcpy(believed->slots[slot].row, hash, HASH_LEN);
    memcpy(believed->slots[slot].mac, mac, HASH_LEN);
}
