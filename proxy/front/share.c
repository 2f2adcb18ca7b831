/* SPDX-License-Identifier: Apache-2.0 */
/* share.c - a hash table of clients, and two sums. */
#include "proxy/front/share.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void shares_init(struct shares *shares, size_t room)
{
    *shares = (struct shares){ .room = room };
    for (size_t i = 0; i < SHARES_ROWS; i++)
        LIST_INIT(&shares->rows[i]);
}

/* A hash is as good as random, so its first bytes spread. */
static struct share_row *row_of(struct shares *shares, const uint8_t *certificate_hash)
{
    return &shares->rows[(certificate_hash[0] << 8 | certificate_hash[1]) % SHARES_ROWS];
}

static struct share *find(const struct share_row *row, const uint8_t *certificate_hash)
{
    struct share *share;

    LIST_FOREACH (share, row, row)
        if (memcmp(share->certificate_hash, certificate_hash, HASH_LEN) == 0)
            return share;
    return NULL;
}

int share_join(struct shares *shares, const uint8_t *certificate_hash, struct share **ret)
{
    static const uint8_t nobody[HASH_LEN];
    const uint8_t *hash = certificate_hash ? certificate_hash : nobody;
    struct share_row *row = row_of(shares, hash);
    struct share *share = find(row, hash);

    if (!share) {
        share = calloc(1, sizeof(*share));
        if (!share)
            return -ENOMEM;
        memcpy(share->certificate_hash, hash, HASH_LEN);
        LIST_INSERT_HEAD(row, share, row);
    }
    share->connections++;
    *ret = share;
    return 0;
}

void share_leave(struct share *share)
{
    if (!share || --share->connections)
        return;
    assert(share->held == 0);
    LIST_REMOVE(share, row);
    free(share);
}

bool share_take(struct shares *shares, struct share *share, size_t bytes)
{
    size_t free_bytes = shares->room - shares->held;

    if (bytes > free_bytes || share->held + bytes > free_bytes / SHARES_PART)
        return false;
    share->held += bytes;
    shares->held += bytes;
    return true;
}

void share_give(struct shares *shares, struct share *share, size_t bytes)
{
    assert(share->held >= bytes && shares->held >= bytes);
    share->held -= bytes;
    shares->held -= bytes;
}
