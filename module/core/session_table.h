/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_table.h - from CK_SESSION_HANDLE to struct session.
 *
 * A handle is an index plus a generation, so a stale handle is refused instead of naming a newer session.
 * Source:  PKCS#11 v3.1 5.6.1 (C_OpenSession), 5.6.2 (C_CloseSession), 5.6.3 (C_CloseAllSessions).
 * Threads: every function takes table->lock; none holds it across an RPC. Lock order: table, session.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "module/core/session.h"

#define SESSIONS_MAX 65536 /* of one application: protects its memory from a leak of its own */

struct session_entry {
    struct session *session; /* NULL: free */
    CK_ULONG generation;     /* of the next session here, or of this one */
    size_t next_free;        /* of a free entry: the index of another, or SESSIONS_MAX */
};

struct session_table {
    pthread_mutex_t lock;
    struct session_entry *entries; /* guarded by lock */
    size_t capacity, first_free;   /* guarded by lock */
};

void session_table_init(struct session_table *table);
/* Nobody else may know the table any more. */
void session_table_clear(struct session_table *table);

/* Errors: CKR_HOST_MEMORY, CKR_SESSION_COUNT. */
MUST_CHECK CK_RV session_table_open(struct session_table *table, struct slot *slot, bool is_rw,
                                    CK_SESSION_HANDLE *ret);
/*
 * Finds the session behind @handle and takes a reference.
 * Owner:  the caller, who gives it back with session_unref().
 * Errors: CKR_SESSION_HANDLE_INVALID.
 */
MUST_CHECK CK_RV session_table_get(struct session_table *table, CK_SESSION_HANDLE handle,
                                   struct session **ret);
/* @ret_is_last: its slot has no session left, so the application's login ends. Errors:
 * CKR_SESSION_HANDLE_INVALID. */
MUST_CHECK CK_RV session_table_close(struct session_table *table, CK_SESSION_HANDLE handle,
                                     bool *ret_is_last);
/* Closes all sessions of @slot. */
void session_table_close_slot(struct session_table *table, struct slot *slot);
void session_table_count(struct session_table *table, const struct slot *slot, CK_ULONG *ret_all,
                         CK_ULONG *ret_rw);
