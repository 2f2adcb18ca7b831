/* SPDX-License-Identifier: Apache-2.0 */
/* signer_state.h - what a signer has open and is busy with; opened in signer_open.c, served in rounds.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/audit/forward.h"
#include "proxy/busy_poll.h"
#include "proxy/config.h"
#include "proxy/hsm/hsm_health.h"
#include "proxy/service/service.h"
#include "proxy/signer/fronts.h"

struct signer {
    const struct proxy_config *config;
    unsigned index;
    int herald;                                        /* -1: none */
    char *partition_environment, *partition_directory; /* NULL: it holds none */
    struct hsm *hsm;
    struct store *store;
    struct audit *audit;
    struct forward *forward;       /* NULL: nowhere */
    struct metrics *metrics;       /* of the proxy; NULL: nobody counts */
    struct pulse *pulse;           /* NULL: nobody listens */
    const char *enrolment_address; /* as clients are told, and the next: lent by the configuration */
    const char *endpoints[LISTEN_MAX];
    size_t endpoint_count;
    struct service_config service_config;
    struct service service;
    bool is_service_open;
    struct fronts fronts;
    struct busy_poll busy;
    enum hsm_health told; /* to the fronts */
    int64_t ticked_ms;
    int64_t sighted_ms; /* when it last told the store that it is there, and how it said it was */
    enum sighting_state sighted_as;
};

/* Opens everything, and proves the HSM. @signer: its configuration is set. An exit status; what is wrong was logged. */
MUST_CHECK int signer_open(struct signer *signer);
void signer_clear(struct signer *signer);
DEFINE_CLEAR(signer_clear, struct signer);
