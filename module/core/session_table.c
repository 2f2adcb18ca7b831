/* SPDX-License-Identifier: Apache-2.0 */
/* session_table.c - handles of sessions. */
#include "module/core/session_table.h"

#include <stdlib.h>

#include "module/core/lock.h"

#define INDEX_BITS 17 /* one more than SESSIONS_MAX needs, as indices are counted from 1 in a handle */

void session_table_init(struct session_table *table)
{
    *table = (struct session_table){ .first_free = SESSIONS_MAX };
    pthread_mutex_init(&table->lock, NULL);
}

void session_table_clear(struct session_table *table)
{
    for (size_t i = 0; i < table->capacity; i++)
        session_unref(table->entries[i].session);
    free(table->entries);
    pthread_mutex_destroy(&table->lock);
}

static CK_SESSION_HANDLE handle_of(const struct session_table *table, size_t index)
{
    return table->entries[index].generation << INDEX_BITS | (index + 1);
}

/* With the lock held. NULL: stale, or never given out. */
static struct session_entry *find(struct session_table *table, CK_SESSION_HANDLE handle)
{
    size_t number = handle & ((1UL << INDEX_BITS) - 1);

    if (number == 0 || number > table->capacity || !table->entries[number - 1].session)
        return NULL;
    return handle_of(table, number - 1) == handle ? &table->entries[number - 1] : NULL;
}

/* With the lock held: makes room for one more. */
static CK_RV grow(struct session_table *table)
{
    size_t capacity = table->capacity ? 2 * table->capacity : 16;
    struct session_entry *entries;

    if (table->first_free != SESSIONS_MAX)
        return CKR_OK;
    if (table->capacity == SESSIONS_MAX)
        return CKR_SESSION_COUNT;
    entries = realloc(table->entries, capacity * sizeof(*entries));
    if (!entries)
        return CKR_HOST_MEMORY;
    for (size_t i = table->capacity; i < capacity; i++)
        entries[i] = (struct session_entry){ .next_free = i + 1 < capacity ? i + 1 : SESSIONS_MAX };
    table->entries = entries;
    table->first_free = table->capacity;
    table->capacity = capacity;
    return CKR_OK;
}

CK_RV session_table_open(struct session_table *table, struct slot *slot, bool is_rw, CK_SESSION_HANDLE *ret)
{
    CLEANUP(session_unref) struct session *session = NULL;
    struct session_entry *entry;
    CK_RV rv = session_new(slot, is_rw, &session);

    if (rv != CKR_OK)
        return rv;
    LOCKED(&table->lock);
    rv = grow(table);
    if (rv != CKR_OK)
        return rv;
    entry = &table->entries[table->first_free];
    *ret = handle_of(table, table->first_free);
    table->first_free = entry->next_free;
    entry->session = TAKE(session);
    slot->session_count++;
    slot->rw_session_count += is_rw;
    return CKR_OK;
}

CK_RV session_table_get(struct session_table *table, CK_SESSION_HANDLE handle, struct session **ret)
{
    LOCKED(&table->lock);
    struct session_entry *entry = find(table, handle);

    if (!entry)
        return CKR_SESSION_HANDLE_INVALID;
    *ret = session_ref(entry->session);
    return CKR_OK;
}

/* With the lock held: gives the table's reference away, and the entry to whoever opens next. */
static struct session *release(struct session_table *table, struct session_entry *entry)
{
    struct session *session = TAKE(entry->session);

    entry->generation++;
    entry->next_free = table->first_free;
    table->first_free = (size_t)(entry - table->entries);
    session->slot->session_count--;
    session->slot->rw_session_count -= session->is_rw;
    return session;
}

CK_RV session_table_close(struct session_table *table, CK_SESSION_HANDLE handle, bool *ret_is_last)
{
    CLEANUP(session_unref) struct session *session = NULL; /* freed after the lock is let go */
    LOCKED(&table->lock);
    struct session_entry *entry = find(table, handle);

    if (!entry)
        return CKR_SESSION_HANDLE_INVALID;
    session = release(table, entry);
    *ret_is_last = session->slot->session_count == 0;
    return CKR_OK;
}

void session_table_close_slot(struct session_table *table, struct slot *slot)
{
    LOCKED(&table->lock);
    for (size_t i = 0; i < table->capacity; i++) {
        struct session_entry *entry = &table->entries[i];

        if (entry->session && entry->session->slot == slot)
            session_unref(release(table, entry));
    }
}

void session_table_count(struct session_table *table, const struct slot *slot, CK_ULONG *ret_all,
                         CK_ULONG *ret_rw)
{
    LOCKED(&table->lock);
    *ret_all = slot->session_count;
    *ret_rw = slot->rw_session_count;
}
