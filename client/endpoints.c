/* SPDX-License-Identifier: Apache-2.0 */
/* endpoints.c - choosing a proxy, resting the unreachable, remembering addresses. */
#include "client/endpoints.h"

#include <errno.h>
#include <string.h>

#include "client/clock.h"
#include "client/resolve.h"

#define REST_FIRST_MS   500
#define REST_MOST_MS    30000
#define ADDRESS_LIFE_MS 60000
#define PROBE_SHARE     8 /* a host that is switched off answers nothing at all, and each probe waits */

int endpoints_init(struct endpoints *endpoints, const struct deployment_config *deployment)
{
    memset(endpoints, 0, sizeof(*endpoints));
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

unsigned endpoints_patience_ms(struct endpoints *endpoints, size_t index, unsigned most_ms)
{
    bool is_probe;

    pthread_mutex_lock(&endpoints->lock);
    is_probe = endpoints->list[index].failures && endpoints->count > 1;
    pthread_mutex_unlock(&endpoints->lock);
    return is_probe ? most_ms / PROBE_SHARE : most_ms;
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
        endpoint->failures++;
        endpoint->rest_until_ms = now_ms + (rest < REST_MOST_MS ? rest : REST_MOST_MS);
        endpoint->resolved_ms = 0; /* perhaps it has moved */
    }
    pthread_mutex_unlock(&endpoints->lock);
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
