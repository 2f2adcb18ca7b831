/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_copy.h - all rows of a store, out of one backend and into another, or into a backup and back.
 *
 * Rows travel as records: bytes that no backend has its own form of. Reading is one transaction, so that what is read is
 * one moment's, while others write; it takes no lock that they would wait for. Writing is one transaction into an empty
 * store, checked against the counts and digests that came with the rows and, read back, once more.
 *   record = 'T' number of the table (4) | 'R' values | 'E' rows (8) digest (32), big-endian numbers
 *   values and digest: store_record.h
 * Errors: as in store.h; -EBADMSG (not such records), -EEXIST (the store has rows already), -EUCLEAN (a count or digest
 *         is not what it should be).
 */
#pragma once

#include "proxy/store/schema.h"
#include "proxy/store/store.h"

#define STORE_RECORD_MAX (16 * 1024 * 1024) /* bytes: far above a row */

struct store_copy;

struct store_sum {
    const char *table;
    uint64_t rows;
    uint8_t digest[HASH_LEN];
};

/* Free it after every store that it was used with is closed. */
MUST_CHECK int store_copy_new(struct store_copy **ret);
MUST_CHECK int store_copy_new_of(const struct schema *schema, struct store_copy **ret); /* tests */
void store_copy_free(struct store_copy *copy);
DEFINE_CLEANUP(store_copy_free, struct store_copy *);

/* Gets each record. A negative errno ends the reading. */
typedef int store_sink_fn(void *arg, struct bytes record);
/* The rows there are, for whoever shows progress. */
MUST_CHECK int store_copy_count(struct store_copy *copy, struct store *store, uint64_t *ret);
/* @store is in no transaction. */
MUST_CHECK int store_copy_read(struct store_copy *copy, struct store *store, store_sink_fn *sink, void *arg);
/* Begins, takes each record, ends. Whatever fails leaves the store empty. */
MUST_CHECK int store_copy_write_begin(struct store_copy *copy, struct store *store);
MUST_CHECK int store_copy_write(struct store_copy *copy, struct bytes record);
MUST_CHECK int store_copy_write_end(struct store_copy *copy);
/* Of the rows read or written last, table by table. Lent. */
const struct store_sum *store_copy_sums(const struct store_copy *copy, size_t *ret_count);
