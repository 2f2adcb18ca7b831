/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints.c - choosing a proxy, resting the unreachable, remembering addresses. */
#include "client/endpoints.h"

#include <errno.h>
#include <string.h>

#include "client/clock.h"
#include "client/resolve.h"
#include "include/splitmix.h"

#define REST_FIRST_MS   500
#define REST_MOST_MS    30000
#define ADDRESS_LIFE_MS 60000
#define TURNED_AWAY_MS  8000
#define JITTER_SHARE    4 /* of a rest, at most, by chance */
#define FIRST_SHARE     4 /* of the patience, while there is another to try */
#define PROBE_SHARE     8 /* for one that failed before: each probe makes somebody wait */

static uint64_t draw(struct endpoints *endpoints, uint64_t below)
{
    return splitmix(endpoints->random += SPLITMIX_STEP) % below;
}

/* Any order is as likely: when one is down, those it served go to all the others. */
static void shuffle(struct endpoints *endpoints)
{
    for (size_t i = endpoints->count; i > 1; i--) {
        size_t other = draw(endpoints, i);
        struct endpoint drawn = endpoints->list[other];

        endpoints->list[other] = endpoints->list[i - 1];
        endpoints->list[i - 1] = drawn;
    }
}

int endpoints_init(struct endpoints *endpoints, const struct deployment_config *deployment, uint64_t seed)
{
    *endpoints = (struct endpoints){ .random = seed };
    pthread_mutex_init(&endpoints->lock, NULL);
    for (size_t i = 0; i < deployment->endpoint_count; i++) {
        const char *name = deployment->endpoints[i], *colon = strrchr(name, ':');
        struct endpoint *endpoint = &endpoints->list[i];

        endpoint->name = name;
        endpoint->host = colon ? strndup(name, (size_t)(colon - name)) : NULL;
        endpoint->port = colon ? colon + 1 : NULL;
        endpoints->count = i + 1;
        if (!endpoint->host) {
            endpoints_clear(endpoints);
            return colon ? -ENOMEM : -EINVAL;
        }
    }
    if (deployment->is_balanced)
        shuffle(endpoints);
    return 0;
}

void endpoints_clear(struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        free(endpoints->list[i].host);
        free(endpoints->list[i].addresses);
    }
    pthread_mutex_destroy(&endpoints->lock);
}

size_t endpoints_choose(struct endpoints *endpoints, unsigned tried, int64_t now_ms)
{
    size_t best = endpoints->count;
    int64_t best_rest = INT64_MAX;

    pthread_mutex_lock(&endpoints->lock);
    for (size_t i = 0; i < endpoints->count; i++) {
        int64_t until = endpoints->list[i].rest_until_ms;
        int64_t rest = until > now_ms ? until : 0; /* those that do not rest are equal: the first wins */

        if (!(tried & 1u << i) && rest < best_rest) {
            best = i;
            best_rest = rest;
        }
    }
    pthread_mutex_unlock(&endpoints->lock);
    return best;
}

/* Under lock. */
static bool has_another(const struct endpoints *endpoints, size_t index, unsigned tried, int64_t now_ms)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (i != index && !(tried & 1u << i) && endpoints->list[i].rest_until_ms <= now_ms)
            return true;
    return false;
}

unsigned endpoints_patience_ms(struct endpoints *endpoints, size_t index, unsigned tried, int64_t now_ms,
                               unsigned most_ms)
{
    unsigned share = 1;

    pthread_mutex_lock(&endpoints->lock);
    if (endpoints->list[index].failures && endpoints->count > 1)
        share = PROBE_SHARE;
    else if (has_another(endpoints, index, tried, now_ms))
        share = FIRST_SHARE;
    pthread_mutex_unlock(&endpoints->lock);
    return most_ms / share;
}

void endpoints_report(struct endpoints *endpoints, size_t index, bool was_reached, int64_t now_ms)
{
    struct endpoint *endpoint = &endpoints->list[index];
    int64_t rest = REST_FIRST_MS;

    pthread_mutex_lock(&endpoints->lock);
    if (was_reached) {
        endpoint->failures = 0;
        endpoint->rest_until_ms = 0;
    } else {
        for (unsigned i = 0; i < endpoint->failures && rest < REST_MOST_MS; i++)
            rest *= 2;
        rest = rest < REST_MOST_MS ? rest : REST_MOST_MS;
        endpoint->failures++;
        endpoint->rest_until_ms = now_ms + rest - (int64_t)draw(endpoints, (uint64_t)rest / JITTER_SHARE);
        endpoint->resolved_ms = 0; /* perhaps it has moved */
    }
    pthread_mutex_unlock(&endpoints->lock);
}

bool endpoints_turn_away(struct endpoints *endpoints, size_t index, int64_t now_ms)
{
    struct endpoint *endpoint = &endpoints->list[index];
    bool may;

    pthread_mutex_lock(&endpoints->lock);
    may = has_another(endpoints, index, 0, now_ms);
    if (may)
        endpoint->rest_until_ms =
            now_ms + TURNED_AWAY_MS - (int64_t)draw(endpoints, TURNED_AWAY_MS / JITTER_SHARE);
    pthread_mutex_unlock(&endpoints->lock);
    return may;
}

/* Takes a look-up's result in; with a failed one the addresses at hand go on serving. */
static bool remember(struct endpoint *endpoint, int r, struct buffer *found, struct buffer *ret)
{
    if (r == 0) {
        char *addresses = strndup((const char *)found->data, found->len);

        if (addresses) {
            free(endpoint->addresses);
            endpoint->addresses = addresses;
            endpoint->resolved_ms = clock_now_ms();
        }
    }
    if (!endpoint->addresses)
        return false;
    buffer_append_text(ret, endpoint->addresses);
    return true;
}

int endpoints_addresses(struct endpoints *endpoints, size_t index, int64_t deadline_ms, struct buffer *ret,
                        const char **why)
{
    struct endpoint *endpoint = &endpoints->list[index];
    CLEANUP(buffer_clear) struct buffer found = { 0 };
    bool is_known;
    int r;

    if (resolve_local(endpoint->host, ret))
        return ret->failed ? -ENOMEM : 0;
    pthread_mutex_lock(&endpoints->lock);
    is_known = endpoint->addresses && endpoint->resolved_ms &&
               clock_now_ms() - endpoint->resolved_ms < ADDRESS_LIFE_MS;
    if (is_known)
        buffer_append_text(ret, endpoint->addresses);
    pthread_mutex_unlock(&endpoints->lock);
    if (is_known)
        return ret->failed ? -ENOMEM : 0;

    r = resolve_host(endpoint->host, deadline_ms, &found, why);
    pthread_mutex_lock(&endpoints->lock);
    is_known = remember(endpoint, r, &found, ret);
    pthread_mutex_unlock(&endpoints->lock);
    if (is_known)
        return ret->failed ? -ENOMEM : 0;
    return r < 0 ? r : -ENOMEM;
}
