/* SPDX-License-Identifier: Apache-2.0 */
/* sighting.c - a signer's row of news about itself. */
#include "proxy/signer/sighting.h"

#include <stdio.h>

#include "proxy/store/store_move.h"

#define TELL_MS   10000                 /* three of them missed, and `status` calls the signer silent */
#define FORGET_MS (30LL * 24 * 3600000) /* so long a row of a signer that there is no more is kept */

/* What is said comes from libraries and files: only what every database takes as text. */
static void copy_text(char *ret, size_t size, const char *text)
{
    snprintf(ret, size, "%s", text);
    for (; *ret; ret++)
        if (*ret < ' ' || *ret > '~')
            *ret = '?';
}

static void put(const struct signer *signer, struct store *store, enum sighting_state state, const char *note,
                int64_t now_ms)
{
    const struct proxy_config *config = signer->config;
    struct sighting sighting = {
        .state = state,
        .started_ms = (int64_t)signer->service_config.started_unix * 1000,
        .seen_ms = now_ms,
        .leases = signer->is_service_open ? leases_count(signer->service.leases) : 0,
    };

    if (log_name_set(&sighting.who, config->proxy, signer->index) < 0)
        return;
    copy_text(sighting.hsm, sizeof(sighting.hsm),
              proxy_config_hsm(config, proxy_config_hsm_of(config, signer->index)).name);
    copy_text(sighting.model, sizeof(sighting.model), signer->hsm ? hsm_description(signer->hsm) : "");
    copy_text(sighting.note, sizeof(sighting.note), note);
    copy_text(sighting.version, sizeof(sighting.version), PRIVYSEAL_VERSION);
    if (store_sighting_put(store, &sighting) == 0 && state == SIGHTING_SERVES && signer->sighted_ms == 0)
        (void)!store_sighting_forget(store, now_ms - FORGET_MS);
}

void sighting_tick(struct signer *signer, int64_t now_ms)
{
    enum sighting_state state = hsm_health(signer->hsm) == HSM_WELL ? SIGHTING_SERVES : SIGHTING_ILL;
    bool is_due = now_ms < signer->sighted_ms || now_ms >= signer->sighted_ms + TELL_MS;

    if (!is_due && state == signer->sighted_as)
        return;
    put(signer, signer->store, state, "", now_ms);
    signer->sighted_ms = now_ms;
    signer->sighted_as = state;
}

void sighting_leave(struct signer *signer, int64_t now_ms)
{
    put(signer, signer->store, SIGHTING_LEFT, "", now_ms);
}

void sighting_fail(struct signer *signer, const char *why, int64_t now_ms)
{
    CLEANUP(store_close) struct store *store = NULL;

    if (store_open_following(signer->config->store, signer->config->store_successor, &store) == 0)
        put(signer, store, SIGHTING_FAILED, why, now_ms);
}
