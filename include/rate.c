/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.c - token buckets, each kept as one moment: when it will be full again (the "theoretical arrival time" of the
 * generic cell rate algorithm, ITU-T I.371). A request moves that moment on by the time one token takes to flow in.
 */
#include "include/rate.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS      16384 /* keys that are busy within the same two seconds */
#define ROWS_NEAR 8     /* a key's bucket is one of so many rows */
#define SECOND_NS UINT64_C(1000000000)

struct bucket {
    uint64_t key;
    uint64_t full_ns; /* in the past: full, as good as empty of meaning */
};

struct rate_table {
    uint64_t token_ns; /* one token flows in */
    struct bucket rows[ROWS];
};

bool rate_bucket_take(uint64_t *full_ns, uint64_t token_ns, uint64_t burst_ns, uint64_t now_ns)
{
    uint64_t next_ns = (*full_ns > now_ns ? *full_ns : now_ns) + token_ns;

    if (next_ns - now_ns > burst_ns)
        return false;
    *full_ns = next_ns;
    return true;
}

int rate_new(unsigned per_second, struct rate_table **ret)
{
    struct rate_table *table = calloc(1, sizeof(*table));

    if (!table)
        return -ENOMEM;
    table->token_ns = SECOND_NS / per_second;
    *ret = table;
    return 0;
}

void rate_free(struct rate_table *table)
{
    free(table);
}

/* The key's bucket; if it has none, the fullest of its neighbourhood, made its own. */
static struct bucket *find_bucket(struct rate_table *table, uint64_t key)
{
    struct bucket *near = &table->rows[key % (ROWS / ROWS_NEAR) * ROWS_NEAR];
    struct bucket *fullest = near;

    for (struct bucket *row = near; row < near + ROWS_NEAR; row++) {
        if (row->key == key)
            return row;
        if (row->full_ns < fullest->full_ns)
            fullest = row;
    }
    *fullest = (struct bucket){ .key = key };
    return fullest;
}

bool rate_take(struct rate_table *table, uint64_t key, uint64_t now_ns)
{
    return rate_bucket_take(&find_bucket(table, key)->full_ns, table->token_ns, RATE_BURST_S * SECOND_NS,
                            now_ns);
}

uint64_t rate_owed(struct rate_table *table, uint64_t key, uint64_t now_ns)
{
    uint64_t full_ns = find_bucket(table, key)->full_ns;

    return full_ns > now_ns ? full_ns - now_ns : 0;
}

void rate_owe(struct rate_table *table, uint64_t key, uint64_t cost_ns, uint64_t now_ns)
{
    struct bucket *bucket = find_bucket(table, key);

    bucket->full_ns = (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + cost_ns;
}
