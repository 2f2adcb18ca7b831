/* SPDX-License-Identifier: Apache-2.0 */
/* leases.c - tables of leases by id and by token, a list of them by use, and when each ends. */
#include "proxy/access/leases.h"

#include <errno.h>
#include <string.h>

#include "proxy/access/access.h"

#define CLOCK_BACK_MS 2000 /* what setting a clock right by little steps may take back */
#define TOKEN_SHARE   16   /* one token has at most this part of the places ... */
#define TOKEN_LEASES  64   /* ... but so many in any case: a lease with all it may keep takes half a MiB */

struct leases {
    struct leases_config config;
    struct lease **buckets;  /* chains */
    struct lease **by_token; /* chains, newest first */
    size_t mask;             /* their number less one */
    size_t count;
    struct lease *newest, *oldest; /* by use */
    int64_t latest_ms;             /* that we were told it is */
    bool is_held;
    struct aead_desk desk; /* for the messages of all */
};

/* ------------------------------------------------------------------------------------------- table and list */

static struct lease **lease_bucket(const struct leases *leases, const uint8_t id[LEASE_LEN])
{
    size_t hash;

    /* The end of an id is random, and ours: nobody chooses collisions. */
    memcpy(&hash, id + LEASE_LEN - sizeof(hash), sizeof(hash));
    return &leases->buckets[hash & leases->mask];
}

/* The link that points at the lease of that id, or the NULL that ends its chain. */
static struct lease **lease_link(const struct leases *leases, const uint8_t id[LEASE_LEN])
{
    struct lease **link = lease_bucket(leases, id);

    while (*link && memcmp((*link)->keys.lease, id, LEASE_LEN) != 0)
        link = &(*link)->chain;
    return link;
}

static struct lease **token_bucket(const struct leases *leases, int64_t token_id)
{
    return &leases->by_token[(uint64_t)token_id & leases->mask]; /* ids are given out one after the other */
}

static void token_chain_remove(struct leases *leases, struct lease *lease)
{
    struct lease **link = token_bucket(leases, lease->token.id);

    while (*link != lease)
        link = &(*link)->token_chain;
    *link = lease->token_chain;
}

static void lease_list_add(struct leases *leases, struct lease *lease)
{
    lease->newer = NULL;
    lease->older = leases->newest;
    *(lease->older ? &lease->older->newer : &leases->oldest) = lease;
    leases->newest = lease;
}

static void lease_list_remove(struct leases *leases, struct lease *lease)
{
    *(lease->newer ? &lease->newer->older : &leases->newest) = lease->older;
    *(lease->older ? &lease->older->newer : &leases->oldest) = lease->newer;
}

/* ------------------------------------------------------------------------------------------------ life */

int leases_new(const struct leases_config *config, struct leases **ret)
{
    CLEANUP(leases_free) struct leases *leases = NULL;
    size_t buckets = 1;

    if (config->max == 0)
        return -EINVAL;
    while (buckets < config->max)
        buckets *= 2;
    leases = calloc(1, sizeof(*leases));
    if (!leases)
        return -ENOMEM;
    leases->config = *config;
    aead_desk_init(&leases->desk, NULL);
    leases->mask = buckets - 1;
    leases->buckets = calloc(buckets, sizeof(struct lease *));
    leases->by_token = calloc(buckets, sizeof(struct lease *));
    if (!leases->buckets || !leases->by_token)
        return -ENOMEM;
    *ret = TAKE(leases);
    return 0;
}

void leases_free(struct leases *leases)
{
    if (!leases)
        return;
    while (leases->oldest)
        leases_remove(leases, leases->oldest);
    free(leases->buckets);
    free(leases->by_token);
    aead_desk_clear(&leases->desk);
    free(leases);
}

/* ------------------------------------------------------------------------------------------- keys in use */

const struct key_row *lease_find_key(const struct lease *lease, const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < lease->key_row_count; i++)
        if (memcmp(lease->key_rows[i].name, name, KEY_NAME_LEN) == 0)
            return &lease->key_rows[i];
    return NULL;
}

int lease_keep_key(struct lease *lease, struct key_row *row)
{
    struct key_row *longer =
        reallocarray(lease->key_rows, lease->key_row_count + 1, sizeof(*longer)); /* few, and seldom */

    if (!longer)
        return -ENOMEM;
    lease->key_rows = longer;
    lease->key_rows[lease->key_row_count++] = *row;
    *row = (struct key_row){ 0 };
    return 0;
}

static void forget_keys(struct lease *lease)
{
    key_rows_free(lease->key_rows, lease->key_row_count);
    lease->key_rows = NULL;
    lease->key_row_count = 0;
}

void leases_forget_keys(struct leases *leases, int64_t token_id)
{
    for (struct lease *lease = *token_bucket(leases, token_id); lease; lease = lease->token_chain)
        if (lease->token.id == token_id)
            forget_keys(lease);
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    forget_keys(lease);
    if (lease->custody)
        lease->custody->close(lease->custody_token);
    session_keys_clear(&lease->keys);
    lease_window_free(lease->window);
    free(lease);
}

/* Whoever knows one PIN could have all places, and all memory: who has too many makes room for himself. */
static void make_room(struct leases *leases, int64_t token_id)
{
    size_t count = 0, most = leases->config.max / TOKEN_SHARE;
    struct lease *lease, *idlest = NULL;

    for (lease = *token_bucket(leases, token_id); lease; lease = lease->token_chain) {
        if (lease->token.id != token_id)
            continue;
        count++;
        if (!idlest || lease->used_ms <= idlest->used_ms)
            idlest = lease;
    }
    if (count >= (most < TOKEN_LEASES ? TOKEN_LEASES : most))
        leases_remove(leases, idlest);
    else if (leases->count == leases->config.max)
        leases_remove(leases, leases->oldest);
}

int leases_add(struct leases *leases, struct lease *lease, int64_t now_ms)
{
    struct lease **link;

    if (*lease_link(leases, lease->keys.lease))
        return -EEXIST;
    make_room(leases, lease->token.id);
    lease->keys.desk = &leases->desk;
    lease->used_ms = lease->checked_ms = lease->tried_ms = now_ms;
    lease->ends_ms = now_ms + leases->config.life_ms;
    if (lease->ends_ms > lease->caller.certificate.not_after_ms)
        lease->ends_ms = lease->caller.certificate.not_after_ms;

    link = lease_bucket(leases, lease->keys.lease);
    lease->chain = *link;
    *link = lease;
    link = token_bucket(leases, lease->token.id);
    lease->token_chain = *link;
    *link = lease;
    lease_list_add(leases, lease);
    leases->count++;
    return 0;
}

void leases_hold(struct leases *leases, bool is_held)
{
    leases->is_held = is_held;
}

void leases_remove(struct leases *leases, struct lease *lease)
{
    if (leases->is_held) {
        lease->ends_ms = 0; /* the next sweep finds it over */
        return;
    }
    *lease_link(leases, lease->keys.lease) = lease->chain;
    token_chain_remove(leases, lease);
    lease_list_remove(leases, lease);
    leases->count--;
    lease_free(lease);
}

size_t leases_count(const struct leases *leases)
{
    return leases->count;
}

/* ------------------------------------------------------------------------------------------- use and end */

uint32_t lease_idle_ms(const struct leases *leases, const struct token_row *token)
{
    return token->policy.idle_ms ? token->policy.idle_ms : leases->config.idle_ms;
}

static bool lease_is_over(const struct leases *leases, const struct lease *lease, int64_t now_ms)
{
    return now_ms >= lease->ends_ms || now_ms - lease->used_ms >= lease_idle_ms(leases, &lease->token);
}

/* With a clock that was set back nobody knows how old a lease is: whoever holds one unlocks again. */
static void leases_tell_time(struct leases *leases, int64_t now_ms)
{
    if (leases->is_held)
        return; /* told soon enough */
    while (now_ms + CLOCK_BACK_MS < leases->latest_ms && leases->oldest)
        leases_remove(leases, leases->oldest);
    leases->latest_ms = now_ms;
}

struct lease *leases_find(struct leases *leases, struct bytes id, int64_t now_ms)
{
    struct lease *lease;

    leases_tell_time(leases, now_ms);
    lease = id.len == LEASE_LEN ? *lease_link(leases, id.data) : NULL;
    if (lease && lease_is_over(leases, lease, now_ms)) {
        leases_remove(leases, lease);
        return NULL;
    }
    return lease;
}

/* A second factor is asked for since, other than the one that was given. */
static bool is_factor_short(const struct lease *lease, const struct token_row *token)
{
    enum second_factor factor = factor_in_force(token);

    return factor != FACTOR_NONE && factor != lease->factor && !lease->only_enrols;
}

/* Reads what the lease rests on. Errors: REASON_STORE, _BUSY, _HSM; any other: on nothing. */
static enum reason lease_read(struct access *access, struct lease *lease, int64_t now_ms)
{
    struct caller caller;
    struct token_row token;
    unsigned bits;
    enum reason reason;

    reason = identity_find(access, BYTES_OF_ARRAY(lease->caller.certificate_hash), now_ms, &caller);
    if (reason == REASON_NONE)
        reason = token_reload(access, lease->token.id, &token);
    if (reason == REASON_NONE)
        reason = grant_get(access, &token, lease->caller.principal.id, &bits);
    if (reason != REASON_NONE)
        return reason;
    if (is_factor_short(lease, &token))
        return REASON_UNLOCK_REQUIRED;
    if (!caller.is_known || caller.principal.id != lease->caller.principal.id ||
        !policy_allows(PERM_USE_TOKEN, caller.certificate.role, bits) || token.locked || !token.enabled ||
        token.pin_version != lease->token.pin_version)
        return REASON_UNLOCK_REQUIRED;
    if (token.version != lease->token.version)
        forget_keys(lease);
    lease->caller = caller;
    lease->token = token;
    lease->grant_bits = bits;
    return REASON_NONE;
}

/* Whether the store confirms the lease, or has not been silent for too long. */
static bool lease_is_good(const struct leases *leases, struct access *access, struct lease *lease,
                          int64_t now_ms)
{
    int64_t silent_ms = now_ms - lease->checked_ms;
    bool was_tried = leases->is_held || now_ms - lease->tried_ms < leases->config.recheck_ms;
    enum reason reason;

    /* A store that does not answer is not asked again by every request: each would wait for it. */
    if (was_tried && silent_ms < leases->config.storeless_ms)
        return true;
    if (leases->is_held)
        return false;
    lease->tried_ms = now_ms;
    reason = lease_read(access, lease, now_ms);
    if (reason == REASON_NONE)
        lease->checked_ms = now_ms;
    else if (reason == REASON_STORE || reason == REASON_BUSY || reason == REASON_HSM) /* nobody could say */
        return silent_ms < leases->config.storeless_ms;
    return reason == REASON_NONE;
}

enum reason lease_recheck(struct leases *leases, struct access *access, struct lease *lease, int64_t now_ms)
{
    if (lease_is_over(leases, lease, now_ms) || !lease_is_good(leases, access, lease, now_ms)) {
        leases_remove(leases, lease);
        return REASON_UNLOCK_REQUIRED;
    }
    lease->used_ms = now_ms;
    lease_list_remove(leases, lease);
    lease_list_add(leases, lease);
    return REASON_NONE;
}

void leases_sweep(struct leases *leases, int64_t now_ms, int64_t token_id)
{
    struct lease *lease, *newer;

    leases_tell_time(leases, now_ms);
    for (lease = leases->oldest; lease; lease = newer) {
        newer = lease->newer;
        if (lease_is_over(leases, lease, now_ms) || (token_id != 0 && lease->token.id == token_id))
            leases_remove(leases, lease);
    }
}
