/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_move.h - a store that becomes another while it is in use. At every moment one of the two is written, never both.
 *
 * A row of `moves` in either says what it is: in the new one "a copy that nobody may use yet", in the old one "away". Both
 * bear the id of the one attempt that made them. The old one's row is written in the transaction that also renames its
 * tables: that commit is the move. Before it the old store is whole and in service, whoever dies; after it nothing can be
 * read from or written to the old one, by programs that have it open neither, and who opens it goes on to the
 * configured successor, whose copy must be of that very attempt. So no copy that was left behind is ever taken for
 * the store.
 */
#pragma once

#include "proxy/store/store.h"

#define MOVE_ID_LEN 16

/*
 * @store becomes the copy @id: it is empty, or a copy that was never used. Errors: as in store.h, -EEXIST (it has rows of
 * a store in it).
 */
MUST_CHECK int store_move_begin(struct store *store, const uint8_t id[MOVE_ID_LEN]);
/* In a transaction of @store's, which the caller commits: its rows are those of the copy @id from then on. */
MUST_CHECK int store_move_away(struct store *store, const uint8_t id[MOVE_ID_LEN]);

/* For whoever moves stores: opened whatever `moves` says. Errors: as store_open(). */
MUST_CHECK int store_open_copy(const char *url, struct store **ret);
/*
 * The store that is in service: @url's, or, when that is away, @successor's (NULL: none is known), which is then no copy any
 * more. Errors: as store_open().
 */
MUST_CHECK int store_open_following(const char *url, const char *successor, struct store **ret);
/* Is @url's store away already? Errors: as store_open(). */
MUST_CHECK int store_is_away(const char *url, bool *ret);
