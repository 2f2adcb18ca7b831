/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequences.h - the highest sequence number that this process has seen of each row, by the row's name.
 *
 * A MAC shows that a row was once ours, not that it is the latest. What was put back while no signer looked is beyond
 * this memory; `audit verify` and the records tell.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"

#define SEQUENCE_SLOTS 4096 /* 192 KiB; two names that meet in a slot forget each other, no more */

struct sequences {
    struct {
        char name[NAME_MAX_LEN + 1]; /* "": empty */
        uint64_t sequence;
    } slots[SEQUENCE_SLOTS];
};

/* Whether @sequence is no older than what was seen of @name; then it is what was seen. */
bool sequences_remember(struct sequences *seen, const char *name, uint64_t sequence);
