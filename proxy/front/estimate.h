/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate.h - what a call of each method takes at one signer, learned from the signer's answers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/envelope.pb-c.h"
#include "proto/method.h"

struct estimate {
    uint64_t spent_us[METHODS]; /* a moving average; 0: no answer came yet */
};

uint64_t estimate_us(const struct estimate *estimate, const struct method *method); /* not 0 */
void estimate_learn(struct estimate *estimate, const struct method *method,
                    const Privyseal__V1__EnvelopeReply *reply);

/*
 * Whether a call that has @ahead_us of work before it would be done too late. The estimate is a mean, and a call that takes
 * twice as long is nothing special.
 */
bool estimate_is_late(uint64_t ahead_us, uint64_t cost_us, uint64_t deadline_ms);
