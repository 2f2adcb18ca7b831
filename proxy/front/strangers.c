/* SPDX-License-Identifier: Apache-2.0 */
/* strangers.c - a bucket for each address, one for all, and a count. */
#include "proxy/front/strangers.h"

#include <errno.h>

#include "include/rate.h"

#define SECOND_NS UINT64_C(1000000000)

struct strangers {
    struct rate_table *addresses;
    uint64_t token_ns, full_ns; /* the bucket of all */
    unsigned connections, most;
};

int strangers_new(const struct proxy_config *config, struct strangers **ret)
{
    struct strangers *strangers = calloc(1, sizeof(*strangers));
    int error = strangers ? rate_new(config->enrolment_rate_per_address, &strangers->addresses) : -ENOMEM;

    if (error) {
        free(strangers);
        return error;
    }
    strangers->token_ns = SECOND_NS / config->enrolment_rate;
    strangers->most = config->enrolment_connections;
    *ret = strangers;
    return 0;
}

void strangers_free(struct strangers *strangers)
{
    if (!strangers)
        return;
    rate_free(strangers->addresses);
    free(strangers);
}

bool strangers_may_call(struct strangers *strangers, uint64_t address, uint64_t now_ns)
{
    /* The address first: what one of them has too many of takes nothing from the others. */
    return rate_take(strangers->addresses, address, now_ns) &&
           rate_bucket_take(&strangers->full_ns, strangers->token_ns, RATE_BURST_S * SECOND_NS, now_ns);
}

bool strangers_enter(struct strangers *strangers, uint64_t address, uint64_t now_ns)
{
    if (strangers->connections == strangers->most || !strangers_may_call(strangers, address, now_ns))
        return false;
    strangers->connections++;
    return true;
}

void strangers_leave(struct strangers *strangers)
{
    strangers->connections--;
}
