/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_counts.h - how many signatures of each key are in one log: a table in memory over the store's.
 *
 * A count that changed is dirty until it was put into the store; the table forgets clean ones when it has grown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/cleanup.h"
#include "proto/limits.h"

struct audit_count {
    uint8_t key[KEY_NAME_LEN];
    uint64_t signatures;
    uint64_t sequence; /* of the record that said so */
    bool is_used;      /* this place of the table */
    bool is_dirty;
};

struct audit_counts {
    struct audit_count *places; /* open addressing; capacity is a power of two */
    size_t capacity;
    size_t used;
};

void audit_counts_clear(struct audit_counts *counts);
/* Room for one key more, so that the next audit_counts_set() cannot fail. Errors: -ENOMEM. */
MUST_CHECK int audit_counts_reserve(struct audit_counts *counts);
/* NULL: not in memory. */
const struct audit_count *audit_counts_find(const struct audit_counts *counts,
                                            const uint8_t key[KEY_NAME_LEN]);
/* Needs the room of audit_counts_reserve(). */
void audit_counts_set(struct audit_counts *counts, const uint8_t key[KEY_NAME_LEN], uint64_t signatures,
                      uint64_t sequence, bool is_dirty);
/* A copy of the dirty ones, the caller's to free: records may come while they are put into the store. Errors: -ENOMEM. */
MUST_CHECK int audit_counts_dirty(const struct audit_counts *counts, struct audit_count **ret,
                                  size_t *ret_count);
/* Those of records up to @sequence are in the store: they are clean, and all are forgotten if they are many. */
void audit_counts_clean(struct audit_counts *counts, uint64_t sequence);
