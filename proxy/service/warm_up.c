/* SPDX-License-Identifier: Apache-2.0 */
/* warm_up.c - key by key, so that a request waits for one at most. */
#include "proxy/service/warm_up.h"

#include <string.h>

#include "proxy/hsm/hsm_health.h"

#define KEYS_MAX 4 /* of one token: most have one or two; the rest are seldom used together */

void warm_up_begin(struct service *service, const struct lease *lease)
{
    service->warm_up = (struct warm_up){
        .is_due = lease->custody->prepare && !lease->only_enrols && !lease->token.policy.always_authenticate,
    };
    memcpy(service->warm_up.lease, lease->keys.lease, LEASE_LEN);
}

bool warm_up_is_due(const struct service *service)
{
    return service->warm_up.is_due;
}

static bool is_worth(const struct key_row *row, int64_t now_ms)
{
    return row->usage == KEY_SIGNS && !row->always_authenticate &&
           (row->expires_ms == 0 || now_ms < row->expires_ms);
}

/* The lease's next key to be made ready; NULL: that was all. */
static const struct key_row *next_key(struct warm_up *warm_up, const struct lease *lease, int64_t now_ms)
{
    while (warm_up->made < KEYS_MAX && warm_up->next < lease->key_row_count) {
        const struct key_row *row = &lease->key_rows[warm_up->next++];

        if (is_worth(row, now_ms))
            return row;
    }
    return NULL;
}

void warm_up_step(struct service *service, int64_t now_ms)
{
    struct warm_up *warm_up = &service->warm_up;
    const struct lease *lease = leases_find(service->leases, BYTES_OF_ARRAY(warm_up->lease), now_ms);
    const struct key_row *row = NULL;

    if (lease && hsm_health(service->access.hsm) == HSM_WELL)
        row = next_key(warm_up, lease, now_ms);
    warm_up->is_due = row && lease->custody->prepare(lease->custody_token, row) == CKR_OK;
    warm_up->made++;
}
