/* SPDX-License-Identifier: Apache-2.0 */
/* pin_renewal.c - custody first, then the rows; and custody is told which way the transaction went. */
#include "proxy/service/pin_renewal.h"

#include <string.h>

#include "proxy/service/refusal.h"

static enum reason replace_row(struct service *service, struct change *change, struct access_row *row)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_access_delete(store, change->token.id, ACCESS_PIN));

    return reason == REASON_NONE ? refusal_of_store(store_access_insert(store, row)) : reason;
}

static enum reason store_new_pin(struct service *service, const struct call *call,
                                 const struct pin_renewal *renewal, struct access_row *row)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, call->token.name, &change);

    if (reason != REASON_NONE)
        return reason;
    if (change.token.pin_version != call->token.pin_version)
        return REASON_PIN_CHANGED;
    reason = replace_row(service, &change, row);
    if (reason == REASON_NONE && renewal->also)
        reason = renewal->also(service, call, &change, renewal->arg);
    if (reason != REASON_NONE)
        return reason;
    change.token.pin_version = row->version;
    return change_commit(service, &change);
}

static enum reason change_secret(struct service *service, const struct call *call,
                                 const struct pin_renewal *renewal, struct access_row *row)
{
    const struct opened *opened = renewal->opened;
    CK_RV rv = opened->custody->change_secret(opened->token, renewal->old_s, renewal->new_s, row);
    enum reason reason = refusal_of_rv(rv);

    if (rv != CKR_OK)
        return reason;
    reason = pin_row_finish(service, &call->token, renewal->new_s, row);
    if (reason == REASON_NONE)
        reason = store_new_pin(service, call, renewal, row);
    opened->custody->settle(opened->token, renewal->old_s, renewal->new_s, reason == REASON_NONE);
    return reason;
}

enum reason pin_renew(struct service *service, const struct call *call, const struct pin_renewal *renewal,
                      uint32_t *ret_version)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    enum reason reason = pin_row_name(service, &call->token, call->token.pin_version + 1, &row);

    if (reason != REASON_NONE)
        return reason;
    if (renewal->row_name)
        memcpy(row.row_name, renewal->row_name, sizeof(row.row_name));
    reason = change_secret(service, call, renewal, &row);
    if (reason != REASON_NONE)
        return reason;
    leases_sweep(service->leases, call->now_ms, call->token.id);
    *ret_version = row.version;
    return REASON_NONE;
}
