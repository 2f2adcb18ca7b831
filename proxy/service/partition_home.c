/* SPDX-License-Identifier: Apache-2.0 */
/* partition_home.c - users are spread evenly: a signer's start takes as long as it has partitions. */
#include "proxy/service/partition_home.h"

#include <stdlib.h>

#include "proxy/service/refusal.h"

enum reason partition_home(struct service *service, int *ret, const char **why)
{
    const struct service_config *config = service->config;
    CLEANUP(free) void *memory = calloc(config->partition_signers + 1, sizeof(uint64_t));
    uint64_t *users = memory;
    uint32_t least = 0;
    enum reason reason;

    *why = NULL;
    if (config->partition_signers == 0) {
        *why = "this deployment has no signer for partitions: set partitions under [server]";
        return REASON_NOT_FOUND;
    }
    if (!users)
        return REASON_INTERNAL;
    reason = refusal_of_store(store_token_homes(service->access.store, users, config->partition_signers));
    if (reason != REASON_NONE)
        return reason;
    for (uint32_t i = 1; i < config->partition_signers; i++)
        if (users[i] < users[least])
            least = i;
    if (users[least] >= config->partition_users) {
        *why = "every partition signer has all the users it may have: raise partitions under [server], "
               "then privyseald --provision partitions";
        return REASON_LIMIT;
    }
    *ret = (int)least;
    return REASON_NONE;
}
