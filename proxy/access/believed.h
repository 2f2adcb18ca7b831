/* SPDX-License-Identifier: Apache-2.0 */
/*
 * believed.h - rows whose MAC the HSM has made or confirmed in this process: the same bytes under the same MAC need not be
 * asked about again.
 *
 * A row is kept as its SHA-256 beside its MAC, so whoever writes the store has to find a collision to be believed. A row
 * of long ago is believed as often as the HSM would confirm it: that it is the latest, sequences tell (sequences.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"
#include "proto/limits.h"

#define BELIEVED_SLOTS 4096 /* 256 KiB; two rows that meet in a slot forget each other, no more */

struct believed {
    struct {
        uint8_t row[HASH_LEN]; /* zeros: empty */
        uint8_t mac[HASH_LEN];
    } slots[BELIEVED_SLOTS];
};

/* Whether @mac is known to be the MAC of @row, which is what the MAC is made over. */
bool believed_has(const struct believed *believed, struct bytes row, const uint8_t mac[HASH_LEN]);
void believed_add(struct believed *believed, struct bytes row, const uint8_t mac[HASH_LEN]);
