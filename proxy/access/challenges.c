/* SPDX-License-Identifier: Apache-2.0 */
/*
 * challenges.c - challenges made, checked, and remembered once used.
 *
 * Used ones are remembered in two sets, one for each CHALLENGE_LIFE_MS of making: a challenge that is still good was
 * made in this period or the one before, so a set is emptied whole when its turn comes again. Nothing is ever
 * removed singly, and open addressing needs no tombstones.
 */
#include "proxy/access/challenges.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "include/secret.h"
#include "proto/context.h"
#include "proto/digest.h"

#define MAC_LEN    16
#define SIGNED_LEN (CHALLENGE_LEN - MAC_LEN) /* signer, time, random */
#define RANDOM_AT  10
#define USED_FIRST ((size_t)1 << 12) /* places for used ones, which double when they are taken */
#define USED_SETS  2

#define CLOCK_BACK_MS 2000 /* what setting a clock right by little steps may take back */

/* Of a used challenge the set keeps 8 random bytes: two that agree by chance cost one client one repeat. */
struct used_set {
    uint64_t period; /* of making */
    size_t size, size_max, count;
    uint64_t *slots; /* 0: empty */
};

struct challenges {
    uint32_t signer;
    struct secret *key;
    int64_t latest_ms; /* that we were told it is */
    struct used_set used[USED_SETS];
};

/* --------------------------------------------------------------------------------------------- used sets */

static void used_set_begin(struct used_set *set, uint64_t period)
{
    memset(set->slots, 0, set->size * sizeof(*set->slots));
    set->count = 0;
    set->period = period;
}

/* Where @name is, or would be. */
static uint64_t *used_set_find(const struct used_set *set, uint64_t name)
{
    size_t at = name % set->size;

    while (set->slots[at] && set->slots[at] != name)
        at = (at + 1) % set->size;
    return &set->slots[at];
}

/* Fuller than three quarters, probing gets slow. */
static bool used_set_has_room(const struct used_set *set)
{
    return set->count < set->size / 4 * 3;
}

/* Twice as large, as long as it may; what nobody needs takes no memory. */
static void used_set_grow(struct used_set *set)
{
    struct used_set larger = *set;

    larger.size *= 2;
    if (larger.size > larger.size_max || !(larger.slots = calloc(larger.size, sizeof(*larger.slots))))
        return;
    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i])
            *used_set_find(&larger, set->slots[i]) = set->slots[i];
    free(set->slots);
    *set = larger;
}

/* The set for challenges made at @made_ms; NULL: they belong to a period that was already forgotten. */
static struct used_set *used_set_of(struct challenges *challenges, uint64_t made_ms)
{
    uint64_t period = made_ms / CHALLENGE_LIFE_MS;
    struct used_set *set = &challenges->used[period % USED_SETS];

    if (period < set->period)
        return NULL; /* the clock went back */
    if (period > set->period)
        used_set_begin(set, period);
    return set;
}

static enum reason used_set_add(struct used_set *set, uint64_t name)
{
    uint64_t *slot;

    if (!used_set_has_room(set))
        used_set_grow(set);
    slot = used_set_find(set, name);
    if (*slot)
        return REASON_CHALLENGE_STALE;
    if (!used_set_has_room(set))
        return REASON_BUSY;
    *slot = name;
    set->count++;
    return REASON_NONE;
}

/* -------------------------------------------------------------------------------------------- challenges */

int challenges_new(uint32_t signer, size_t used_max, struct challenges **ret)
{
    CLEANUP(challenges_free) struct challenges *challenges = calloc(1, sizeof(*challenges));
    int r;

    if (!challenges)
        return -ENOMEM;
    challenges->signer = signer;
    for (size_t i = 0; i < USED_SETS; i++) {
        challenges->used[i].size = USED_FIRST < used_max ? USED_FIRST : used_max;
        challenges->used[i].size_max = used_max;
        challenges->used[i].slots = calloc(challenges->used[i].size, sizeof(*challenges->used[i].slots));
        if (!challenges->used[i].slots)
            return -ENOMEM;
    }
    r = secret_random(HASH_LEN, &challenges->key);
    if (r < 0)
        return r;
    *ret = TAKE(challenges);
    return 0;
}

void challenges_free(struct challenges *challenges)
{
    if (!challenges)
        return;
    for (size_t i = 0; i < USED_SETS; i++)
        free(challenges->used[i].slots);
    secret_free(challenges->key);
    free(challenges);
}

static int challenge_mac(const struct challenges *challenges, struct bytes head, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 challenge");
    struct bytes input;
    int r;

    context_bytes(&context, head);
    r = context_end(&context, &input);
    return r < 0 ? r : digest_hmac(NULL, secret_bytes(challenges->key), input, ret);
}

/*
 * What was made before a clock was set back would be good again, and what is made now would belong to periods that are
 * forgotten. So all of it ends with its key, and a new life begins.
 */
static int tell_time(struct challenges *challenges, int64_t now_ms)
{
    struct secret *key;
    int r;

    if (now_ms + CLOCK_BACK_MS < challenges->latest_ms) {
        r = secret_random(HASH_LEN, &key);
        if (r < 0)
            return r;
        secret_free(challenges->key);
        challenges->key = key;
        for (size_t i = 0; i < USED_SETS; i++)
            used_set_begin(&challenges->used[i], 0);
    }
    challenges->latest_ms = now_ms;
    return 0;
}

int challenge_make(struct challenges *challenges, int64_t now_ms, uint8_t ret[CHALLENGE_LEN])
{
    CLEANUP(buffer_clear) struct buffer head = { 0 };
    uint8_t random[SIGNED_LEN - RANDOM_AT], mac[HASH_LEN];
    int r = tell_time(challenges, now_ms);

    if (r < 0)
        return r;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    buffer_append_u8(&head, (uint8_t)(challenges->signer >> 8));
    buffer_append_u8(&head, (uint8_t)challenges->signer);
    buffer_append_u64(&head, (uint64_t)now_ms);
    buffer_append(&head, BYTES_OF_ARRAY(random));
    if (head.failed)
        return -ENOMEM;
    r = challenge_mac(challenges, buffer_bytes(&head), mac);
    if (r < 0)
        return r;
    memcpy(ret, head.data, SIGNED_LEN);
    memcpy(ret + SIGNED_LEN, mac, MAC_LEN);
    return 0;
}

enum reason challenge_use(struct challenges *challenges, struct bytes challenge, int64_t now_ms)
{
    struct reader reader = reader_of(challenge);
    uint32_t signer = (uint32_t)reader_u8(&reader) << 8;
    uint8_t mac[HASH_LEN];
    struct used_set *set;
    uint64_t made_ms, name;

    signer |= reader_u8(&reader);
    made_ms = reader_u64(&reader);
    name = reader_u64(&reader);
    if (challenge.len != CHALLENGE_LEN || signer != challenges->signer)
        return REASON_CHALLENGE_STALE;
    if (tell_time(challenges, now_ms) < 0 ||
        challenge_mac(challenges, BYTES(challenge.data, SIGNED_LEN), mac) < 0)
        return REASON_INTERNAL;
    if (!secret_equal(BYTES(mac, MAC_LEN), BYTES(challenge.data + SIGNED_LEN, MAC_LEN)))
        return REASON_CHALLENGE_STALE;

    /* From here on @made_ms is our own word. */
    if (made_ms > (uint64_t)now_ms || (uint64_t)now_ms - made_ms >= CHALLENGE_LIFE_MS)
        return REASON_CHALLENGE_STALE;
    set = used_set_of(challenges, made_ms);
    return set ? used_set_add(set, name ? name : 1) : REASON_CHALLENGE_STALE;
}
