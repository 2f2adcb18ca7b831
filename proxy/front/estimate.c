/* SPDX-License-Identifier: Apache-2.0 */
/* estimate.c - moving averages. */
#include "proxy/front/estimate.h"

#include "proto/failure.h"
#include "proxy/front/context.h"

#define LEARNING 8 /* an estimate moves so great a part of the way to each new figure */

uint64_t estimate_us(const struct estimate *estimate, const struct method *method)
{
    uint64_t spent_us = estimate->spent_us[method->id];

    return spent_us ? spent_us : 1;
}

/* A refusal is soon given: who has many of them would make everybody's calls look short. */
void estimate_learn(struct estimate *estimate, const struct method *method,
                    const Privyseal__V1__EnvelopeReply *reply)
{
    uint64_t *known = &estimate->spent_us[method->id], spent_us = reply->spent_us;

    if (!spent_us || (reply->grpc_status != GRPC_OK && spent_us < *known))
        return;
    *known = *known ? (*known * (LEARNING - 1) + spent_us) / LEARNING : spent_us;
}

bool estimate_is_late(uint64_t ahead_us, uint64_t cost_us, uint64_t deadline_ms)
{
    return front_now_ns() / 1000 + ahead_us + 2 * cost_us > deadline_ms * 1000;
}
