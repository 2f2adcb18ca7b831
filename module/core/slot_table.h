/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_table.h - all slots, in an order that does not change: the [token] sections of the configuration as
 * they stand there, then, with "tokens = all", what each identity's certificate is granted, oldest first.
 *
 * Threads: every function but init, clear and abandon takes table->lock; none holds it across the network.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "client/config.h"
#include "module/core/link.h"
#include "module/core/slot.h"
#include "module/core/token_list.h"

#define SLOTS_MAX (CONFIG_TOKENS_MAX + TOKENS_PER_PRINCIPAL_MAX)

struct slot_table {
    const struct client_config *config; /* fixed */
    struct link *links;                 /* fixed: one for each identity, in the configuration's order */
    size_t link_count;
    pthread_mutex_t lock;
    struct slot *slots[SLOTS_MAX]; /* guarded by lock; a slot's id is its index; slots are only added */
    size_t count;
    struct token_list *granted; /* guarded by lock: what "tokens = all" has seen, one for each link */
    int64_t granted_ms;         /* guarded by lock: clock_now_ms() when the lists were fetched; 0: never */
};

/* Reads files at most: no network. After an error too the table is to be cleared. Errors: CKR_HOST_MEMORY. */
MUST_CHECK CK_RV slot_table_init(struct slot_table *table, OSSL_LIB_CTX *libctx,
                                 const struct client_config *config);
/* Of one that was initialized, or is all zero. */
void slot_table_clear(struct slot_table *table);
/* In a forked child. Takes no lock, frees nothing. */
void slot_table_abandon(struct slot_table *table);

/*
 * With "tokens = all": asks the servers what is granted, unless that was done a moment ago. @asks_presence: the answer
 * is about to tell which tokens are there, so that moment is a short one.
 */
void slot_table_refresh(struct slot_table *table, bool asks_presence, struct remote_error *error);
size_t slot_table_count(struct slot_table *table);
/* Lent for as long as the table. Errors: CKR_SLOT_ID_INVALID. */
MUST_CHECK CK_RV slot_table_get(struct slot_table *table, CK_SLOT_ID id, struct slot **ret);
