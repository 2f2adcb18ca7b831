/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - what a caller was shown may be old by now; inside the transaction it is not.
 */
#include "proxy/service/change.h"

#include "proxy/service/refusal.h"

enum reason change_begin(struct service *service, const char *token, struct change *ret)
{
    int r = store_begin(service->access.store);

    if (r < 0)
        return refusal_of_store(r);
    ret->store = service->access.store;
    return token_load(&service->access, token, &ret->token);
}

enum reason change_commit(struct service *service, struct change *change)
{
    enum reason reason;

    change->token.version++;
    reason = token_save(&service->access, &change->token);
    if (reason == REASON_NONE)
        reason = token_commit(&service->access, &change->token);
    if (reason != REASON_NONE)
        return reason;
    change->store = NULL;
    leases_forget_keys(service->leases, change->token.id); /* other signers' at their next recheck */
    return REASON_NONE;
}

void change_clear(struct change *change)
{
    if (change->store)
        store_rollback(change->store);
    change->store = NULL;
}
