/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - the tables of a store, and how each version of them became the next.
 *
 * Versions of the program and of the store meet while a deployment is upgraded machine by machine, so a version only
 * adds tables and indexes: a program of version n works on a store of n or n + 1, in which what it knows is as it was.
 * What version n no longer uses, version n + 1 may drop, not before. docs/adding.md says what follows for a change.
 */
#pragma once

#include "proxy/store/backend.h"

#define SCHEMA_NEWER_MOST 1 /* so much newer than the program may a store be */

struct schema {
    const char *const
        *texts;       /* with words in braces (struct dialect); texts[n] makes version n + 1 out of n */
    unsigned version; /* how many there are: what the program reads and writes */
};

extern const struct schema schema_current; /* this program's; tests have longer ones */

/* The version a store has; 0: an empty one. Errors: -EPROTO (not a store of ours). */
MUST_CHECK int schema_read_version(struct store *store, unsigned *ret);
/* Whether a program of @schema works on the store. Errors: -EPROTO, logged with what to do. */
MUST_CHECK int schema_check(const struct schema *schema, struct store *store, unsigned *ret_version);
/*
 * One version more, in a transaction of its own: whoever is killed in the midst has done nothing, and the next goes on
 * there. Of several at once each waits for the one before. *@ret_is_done: nothing was left to do.
 * Errors: -EPROTO (too new for this program).
 */
MUST_CHECK int schema_upgrade_step(const struct schema *schema, struct store *store, bool *ret_is_done);

/* store_open() and store_migrate() (store.h) for a program of another version: tests. */
MUST_CHECK int store_open_as(const struct schema *schema, const char *url, struct store **ret);
MUST_CHECK int store_migrate_to(const struct schema *schema, const char *url);
