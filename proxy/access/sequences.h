/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sequences.h - the highest sequence number that this process has seen of each row, by the row's name.
 *
 * A MAC shows that a row was once ours, not that it is the latest. What was put back where this process had not looked,
 * or before it began, is beyond this memory; `audit verify` and the records tell. It forgets nothing before
 * SEQUENCES_MAX names: else whoever can make a signer look at other rows (anybody with a certificate can) makes it forget
 * the one that is about to be put back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCES_MAX ((size_t)1 << 21) /* names; 64 MiB when a signer has seen as many */

/* All zeros: has seen nothing. */
struct sequences {
    struct sequence *slots;
    size_t size, count; /* @size: of @slots, a power of two */
    uint64_t seed;      /* of the names' hashes, so that nobody chooses two that meet */
};

void sequences_clear(struct sequences *seen);
/*
 * Whether @sequence is no older than what was seen of @name; then it is what was seen. Beyond SEQUENCES_MAX names, or
 * without memory for more, what is new is believed and not remembered.
 */
bool sequences_remember(struct sequences *seen, const char *name, uint64_t sequence);
