/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sync.h - makes the rows of one store those of another by writing what differs: the first time all, later little.
 *
 * Both are read side by side in the order of their primary keys, a page at a time, so a store of any size needs little
 * memory and no statement takes long. What may be written meanwhile, and what is one moment's, is the caller's to say by
 * the transaction that @from is in. @to is a copy (store_move.h), in no transaction.
 * Errors: as in store.h.
 */
#pragma once

#include "proxy/store/store.h"
#include "proxy/store/store_copy.h"

struct store_sync;

/* Free it after every store that it was used with is closed. */
MUST_CHECK int store_sync_new(struct store_sync **ret);
void store_sync_free(struct store_sync *sync);
DEFINE_CLEANUP(store_sync_free, struct store_sync *);

/* Called for each row that was looked at, for whoever shows progress. */
typedef void store_sync_fn(void *arg);
/* @ret: how many rows were written or removed. */
MUST_CHECK int store_sync_write(struct store_sync *sync, struct store *from, struct store *to,
                                store_sync_fn *on_row, void *arg, uint64_t *ret);
/* Reads all of both. Errors: -EUCLEAN (they are not the same: logged). */
MUST_CHECK int store_sync_compare(struct store_sync *sync, struct store *from, struct store *to);
/* What store_sync_compare() found in @to, table by table. Lent. */
const struct store_sum *store_sync_sums(const struct store_sync *sync, size_t *ret_count);
