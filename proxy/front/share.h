/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.h - what a client has the front keep for it: calls, and requests that have not come to their end.
 *
 * All connections with one certificate are one client; so are all without any. A client may keep a SHARES_PART of what is
 * free, and no more: so the first takes little, each further one a little less, and however many there are something is
 * free for the next (dynamic thresholds: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet
 * switches", 1998).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "include/cleanup.h"
#include "proto/limits.h"

#define SHARES_ROWS 4096
#define SHARES_PART 16

/* One client's, as long as it has a connection. */
struct share {
    LIST_ENTRY(share) row;
    uint8_t certificate_hash[HASH_LEN]; /* zeros: of those who have none */
    unsigned connections;
    size_t held;
};

LIST_HEAD(share_row, share);

struct shares {
    struct share_row rows[SHARES_ROWS];
    size_t room, held; /* bytes, of all */
};

void shares_init(struct shares *shares, size_t room);

/* A connection of @certificate_hash (NULL: it has none) comes or goes. Errors: -ENOMEM. */
MUST_CHECK int share_join(struct shares *shares, const uint8_t *certificate_hash, struct share **ret);
void share_leave(struct share *share); /* it holds nothing more */

/* May @share hold so many bytes more? Then it does. */
MUST_CHECK bool share_take(struct shares *shares, struct share *share, size_t bytes);
void share_give(struct shares *shares, struct share *share, size_t bytes);
