/* SPDX-License-Identifier: Apache-2.0 */
/* address.c - a hash table with linear probing, at most half full, so every search ends at an empty row. */
#include "proxy/front/address.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct row {
    uint64_t key;
    unsigned count; /* 0: the row is empty */
};

struct address_table {
    unsigned each;
    uint64_t seed; /* random and odd: whoever chooses addresses does not choose rows */
    size_t mask;   /* rows - 1; rows are a power of two */
    struct row *rows;
};

int address_table_new(unsigned connections, unsigned each, struct address_table **ret)
{
    CLEANUP(address_table_free) struct address_table *table = calloc(1, sizeof(*table));
    size_t rows = 16;

    if (!table)
        return -ENOMEM;
    if (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
        return -errno;
    table->seed |= 1;
    while (rows < (size_t)connections * 2)
        rows *= 2;
    table->each = each;
    table->mask = rows - 1;
    table->rows = calloc(rows, sizeof(*table->rows));
    if (!table->rows)
        return -ENOMEM;
    *ret = TAKE(table);
    return 0;
}

void address_table_free(struct address_table *table)
{
    if (!table)
        return;
    free(table->rows);
    free(table);
}

uint64_t address_key(const struct sockaddr *address)
{
    uint64_t key = 0;

    if (address->sa_family == AF_INET)
        key = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
    else if (address->sa_family == AF_INET6)
        memcpy(&key, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(key));
    return key;
}

/* The row of @key, or the empty row where it would stand. */
static struct row *find(struct address_table *table, uint64_t key)
{
    size_t index = (size_t)(key * table->seed >> 32) & table->mask;

    while (table->rows[index].count && table->rows[index].key != key)
        index = (index + 1) & table->mask;
    return &table->rows[index];
}

int address_enter(struct address_table *table, uint64_t key)
{
    struct row *row = find(table, key);

    if (row->count >= table->each)
        return -EUSERS;
    row->key = key;
    row->count++;
    return 0;
}

/* The rows that follow an emptied one are put in again, since a search for them may have to pass it. */
static void close_gap(struct address_table *table, struct row *gap)
{
    size_t index = (size_t)(gap - table->rows);
    struct row moved;

    for (index = (index + 1) & table->mask; table->rows[index].count; index = (index + 1) & table->mask) {
        moved = table->rows[index];
        table->rows[index].count = 0;
        *find(table, moved.key) = moved;
    }
}

void address_leave(struct address_table *table, uint64_t key)
{
    struct row *row = find(table, key);

    assert(row->count > 0);
    row->count--;
    if (row->count == 0)
        close_gap(table, row);
}
