/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - the tables of a store, and how each version of them became the next. */
#pragma once

#include "proxy/store/backend.h"

/* The version that this program reads and writes. */
unsigned schema_version(void);
/* The script that makes @version, from 1, out of the one before it, with its words in braces. */
const char *schema_text(unsigned version);
/*
 * Inside a transaction: brings the schema to schema_version(); nothing to do is success.
 * Errors: -EPROTO (newer than this program).
 */
MUST_CHECK int schema_upgrade(struct store *store);
/* The version a store has; 0: an empty one. Errors: -EPROTO (not a store of ours). */
MUST_CHECK int schema_read_version(struct store *store, unsigned *ret);
