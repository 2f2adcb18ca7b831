/* SPDX-License-Identifier: Apache-2.0 */
/* slot_table.c - slots from the configuration, and from what a certificate is granted. */
#include "module/core/slot_table.h"

#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "module/core/lock.h"

#define GRANTED_AGE_MS 30000 /* how long "tokens = all" may miss a new token */

static struct link *link_of(struct slot_table *table, const char *identity_name)
{
    const struct identity_config *identity = client_config_identity(table->config, identity_name);

    for (size_t i = 0; identity && i < table->link_count; i++) {
        if (table->links[i].identity == identity)
            return &table->links[i];
    }
    return NULL;
}

/* With the lock held, or before anybody else knows the table. */
static CK_RV add_slot(struct slot_table *table, const char *name, const char *filter, struct link *link)
{
    CK_RV rv;

    if (table->count == SLOTS_MAX)
        return CKR_OK;
    rv = slot_new(table->count, name, filter, link, &table->slots[table->count]);
    if (rv == CKR_OK)
        table->count++;
    return rv;
}

/* A token with a section of its own is not shown twice. */
static bool is_shown(const struct slot_table *table, const struct link *link, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->slots[i]->link == link && strcmp(table->slots[i]->name, name) == 0)
            return true;
    }
    return false;
}

static CK_RV add_granted(struct slot_table *table, size_t link_index)
{
    struct link *link = &table->links[link_index];
    const struct token_list *list = &table->granted[link_index];
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < list->count; i++) {
        if (!is_shown(table, link, list->name[i]))
            rv = add_slot(table, list->name[i], NULL, link);
    }
    return rv;
}

static CK_RV add_configured(struct slot_table *table)
{
    const struct client_config *config = table->config;
    CK_RV rv = CKR_OK;

    for (size_t i = 0; rv == CKR_OK && i < config->token_count; i++) {
        const struct token_config *token = &config->token[i];

        rv = add_slot(table, token->token ? token->token : token->name, token->keys,
                      link_of(table, token->identity));
    }
    for (size_t i = 0; rv == CKR_OK && config->tokens_all && i < table->link_count; i++) {
        token_list_read(&table->granted[i], table->links[i].identity->name);
        rv = add_granted(table, i);
    }
    return rv;
}

CK_RV slot_table_init(struct slot_table *table, OSSL_LIB_CTX *libctx, const struct client_config *config)
{
    *table = (struct slot_table){ .config = config };
    pthread_mutex_init(&table->lock, NULL);
    table->links = calloc(config->identity_count + 1, sizeof(*table->links));
    table->granted = calloc(config->identity_count + 1, sizeof(*table->granted));
    if (!table->links || !table->granted)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < config->identity_count; i++)
        link_init(&table->links[table->link_count++], libctx, config, &config->identity[i]);
    return add_configured(table);
}

void slot_table_clear(struct slot_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        slot_free(table->slots[i]);
    for (size_t i = 0; i < table->link_count; i++) {
        token_list_clear(&table->granted[i]);
        link_clear(&table->links[i]);
    }
    free(table->granted);
    free(table->links);
    pthread_mutex_destroy(&table->lock);
}

void slot_table_abandon(struct slot_table *table)
{
    for (size_t i = 0; i < table->link_count; i++)
        link_abandon(&table->links[i]);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static bool is_among(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* With the lock held: one answer tells of all of them that they are there. */
static void note_listed(struct slot_table *table, const struct link *link, char *const *names, size_t count)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->slots[i]->link == link && is_among(names, count, table->slots[i]->name))
            slot_was_listed(table->slots[i]);
    }
}

/* What the server lists of one identity's tokens joins the list, behind what is there. */
static void refresh_link(struct slot_table *table, size_t link_index, struct remote_error *error)
{
    struct link *link = &table->links[link_index];
    struct remote *remote;
    char **names = NULL;
    size_t count = 0;
    bool has_grown = false;
    CK_RV rv;

    if (link_rests(link) || link_remote(link, &remote, error) != CKR_OK)
        return;
    rv = remote_list_tokens(remote, &names, &count, error);
    link_note(link, rv);
    if (rv != CKR_OK)
        return;
    LOCKED(&table->lock);
    for (size_t i = 0; i < count; i++)
        has_grown |= token_list_add(&table->granted[link_index], names[i]);
    if (has_grown && add_granted(table, link_index) == CKR_OK)
        token_list_write(&table->granted[link_index], link->identity->name);
    note_listed(table, link, names, count);
    free_names(names, count);
}

/* Whether it is this thread's turn to ask. */
static bool claim_refresh(struct slot_table *table, unsigned max_age_ms)
{
    LOCKED(&table->lock);
    int64_t now = clock_now_ms();

    if (table->granted_ms && now < table->granted_ms + max_age_ms)
        return false;
    table->granted_ms = now;
    return true;
}

void slot_table_refresh(struct slot_table *table, bool asks_presence, struct remote_error *error)
{
    if (!table->config->tokens_all || !claim_refresh(table, asks_presence ? PRESENCE_AGE_MS : GRANTED_AGE_MS))
        return;
    for (size_t i = 0; i < table->link_count; i++)
        refresh_link(table, i, error);
}

size_t slot_table_count(struct slot_table *table)
{
    LOCKED(&table->lock);
    return table->count;
}

CK_RV slot_table_get(struct slot_table *table, CK_SLOT_ID id, struct slot **ret)
{
    LOCKED(&table->lock);
    if (id >= table->count)
        return CKR_SLOT_ID_INVALID;
    *ret = table->slots[id];
    return CKR_OK;
}
