/* SPDX-License-Identifier: Apache-2.0 */
/* kd_rotation.c - one transaction that rewrites what is behind. */
#include "proxy/service/kd_rotation.h"

#include "include/log.h"
#include "proxy/service/change.h"
#include "proxy/service/refusal.h"
#include "proxy/service/snapshot.h"

static enum reason rotate_pin_row(struct service *service, const struct opened *opened, int64_t token_id,
                                  struct bytes s, unsigned *changed)
{
    CLEANUP(access_row_clear) struct access_row row = { 0 };
    enum reason reason = row_load_access(&service->access, token_id, ACCESS_PIN, &row);

    if (reason != REASON_NONE || row.kd_epoch == hsm_epoch_derive(service->access.hsm))
        return reason;
    reason = refusal_of_rv(opened->custody->change_secret(opened->token, s, s, &row));
    if (reason == REASON_NONE)
        reason = row_mac_access(&service->access, &row);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_access_delete(service->access.store, token_id, ACCESS_PIN));
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_access_insert(service->access.store, &row));
    ++*changed;
    return reason;
}

static enum reason rotate_key(struct service *service, const struct opened *opened, struct key_row *row)
{
    enum reason reason = refusal_of_rv(opened->custody->reseal(opened->token, row));

    if (reason == REASON_NONE)
        reason = row_mac_key(&service->access, row);
    return reason == REASON_NONE ? refusal_of_store(store_key_reseal(service->access.store, row)) : reason;
}

static enum reason rotate_keys(struct service *service, const struct opened *opened, int64_t token_id,
                               unsigned *changed)
{
    CLEANUP(contents_clear) struct contents contents = { 0 };
    enum reason reason = contents_load(service, token_id, &contents);

    for (size_t i = 0; reason == REASON_NONE && i < contents.key_count; i++) {
        if (contents.keys[i].kd_epoch == hsm_epoch_derive(service->access.hsm))
            continue;
        reason = rotate_key(service, opened, &contents.keys[i]);
        ++*changed;
    }
    return reason;
}

static enum reason rotate(struct service *service, struct call *call, const struct opened *opened,
                          struct bytes s, unsigned *changed)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, call->token.name, &change);

    if (reason == REASON_NONE && change.token.pin_version != call->token.pin_version)
        return REASON_BUSY; /* another device was faster: its PIN row is not ours to rewrite */
    if (reason == REASON_NONE)
        reason = rotate_pin_row(service, opened, change.token.id, s, changed);
    if (reason == REASON_NONE)
        reason = rotate_keys(service, opened, change.token.id, changed);
    if (reason == REASON_NONE)
        reason = factor_renew(&service->access, &change.token, changed);
    if (reason != REASON_NONE || *changed == 0)
        return reason;
    reason = change_commit(service, &change);
    if (reason == REASON_NONE)
        call->token = change.token;
    return reason;
}

void kd_rotate(struct service *service, struct call *call, const struct opened *opened, struct bytes s)
{
    unsigned changed = 0;
    enum reason reason;

    if (!opened->custody->reseal || !hsm_has_old_derive(service->access.hsm))
        return;
    reason = rotate(service, call, opened, s, &changed);
    if (reason != REASON_NONE)
        log_event(LOG_LEVEL_WARNING, "kd.kept", "token=\"%s\" reason=%s", call->token.name,
                  reason_row(reason)->word);
    else if (changed > 0)
        log_event(LOG_LEVEL_INFO, "kd.rotated", "token=\"%s\" rows=%u", call->token.name, changed);
}
