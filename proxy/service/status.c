/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - the deployment as this signer sees it: its own HSM, and what the signers of all proxies said of themselves. */
#include <stdlib.h>

#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"

#define SEEN_MOST   1000       /* signers told of: more than a reply holds of the longest rows is no fleet */
#define SEEN_DAY_MS 86400000LL /* who was silent for longer is told of no more */

static enum reason fill_hsm(const struct service *service, Privyseal__V1__GetStatusResponse *answer)
{
    if (message_set_text(&answer->hsm, hsm_description(service->access.hsm)) < 0 ||
        message_set_text(&answer->grade, hsm_grade(service->findings, service->findings_count)) < 0)
        return REASON_INTERNAL;
    answer->lacking = message_alloc(service->findings_count * sizeof(*answer->lacking));
    if (!answer->lacking)
        return REASON_INTERNAL;
    for (size_t i = 0; i < service->findings_count; i++) {
        if (service->findings[i].is_enforced)
            continue;
        if (message_set_text(&answer->lacking[answer->n_lacking], service->findings[i].sentence) < 0)
            return REASON_INTERNAL;
        answer->n_lacking++;
    }
    return REASON_NONE;
}

static enum reason fill_epochs(const struct service *service, Privyseal__V1__GetStatusResponse *answer)
{
    answer->seal_epoch = message_alloc(service->seal_count * sizeof(*answer->seal_epoch));
    if (!answer->seal_epoch)
        return REASON_INTERNAL;
    for (size_t i = 0; i < service->seal_count; i++) {
        ProtobufCMessage *message = NULL;
        Privyseal__V1__SealEpoch *epoch;

        if (message_new(&privyseal__v1__seal_epoch__descriptor, &message) < 0)
            return REASON_INTERNAL;
        epoch = answer->seal_epoch[answer->n_seal_epoch++] = (Privyseal__V1__SealEpoch *)message;
        epoch->epoch = service->seal[i].epoch;
        if (message_set_bytes(&epoch->key_id, BYTES_OF_ARRAY(service->seal[i].key_id)) < 0)
            return REASON_INTERNAL;
    }
    return REASON_NONE;
}

static enum reason fill_seen(const struct sighting *row, int64_t now_ms, Privyseal__V1__SeenSigner *seen)
{
    seen->signer = row->who.signer;
    seen->state = (Privyseal__V1__SignerState)row->state;
    seen->started_unix = (uint64_t)row->started_ms / 1000;
    seen->silent_s = row->seen_ms < now_ms ? (uint32_t)((now_ms - row->seen_ms) / 1000) : 0;
    seen->leases = row->leases;
    return message_set_text(&seen->proxy, row->who.proxy) < 0 || message_set_text(&seen->hsm, row->hsm) < 0 ||
                   message_set_text(&seen->model, row->model) < 0 ||
                   message_set_text(&seen->note, row->note) < 0 ||
                   message_set_text(&seen->version, row->version) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}

static enum reason fill_all_seen(const struct sighting *rows, size_t count, int64_t now_ms,
                                 Privyseal__V1__GetStatusResponse *answer)
{
    enum reason reason = REASON_NONE;

    answer->seen = message_alloc((count + 1) * sizeof(*answer->seen));
    if (!answer->seen)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++) {
        ProtobufCMessage *message = NULL;

        if (message_new(&privyseal__v1__seen_signer__descriptor, &message) < 0)
            return REASON_INTERNAL;
        answer->seen[answer->n_seen++] = (Privyseal__V1__SeenSigner *)message;
        reason = fill_seen(&rows[i], now_ms, answer->seen[i]);
    }
    return reason;
}

static enum reason fill_fleet(const struct service *service, int64_t now_ms,
                              Privyseal__V1__GetStatusResponse *answer)
{
    CLEANUP(free) void *memory = NULL;
    struct sighting *rows = NULL;
    size_t count = 0;
    int r = store_sighting_list(service->access.store, now_ms - SEEN_DAY_MS, SEEN_MOST, &rows, &count);

    memory = rows;
    if (r == 0 && message_set_text(&answer->proxy, service->config->proxy) < 0)
        return REASON_INTERNAL;
    return r == 0 ? fill_all_seen(rows, count, now_ms, answer) : refusal_of_store(r);
}

enum reason handle_GetStatus(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    Privyseal__V1__GetStatusResponse *answer = (Privyseal__V1__GetStatusResponse *)reply;
    enum reason reason;
    int r = store_count(service->access.store, &answer->users, &answer->keys);

    (void)request;
    if (r < 0)
        return refusal_of_store(r);
    answer->count_most = STORE_COUNT_MOST;
    answer->leases = leases_count(service->leases);
    answer->started_unix = service->config->started_unix;
    answer->signer = service->config->signer;
    if (message_set_text(&answer->realm, service->config->realm) < 0 ||
        message_set_text(&answer->version, PRIVYSEAL_VERSION) < 0)
        return REASON_INTERNAL;
    reason = fill_hsm(service, answer);
    if (reason == REASON_NONE)
        reason = fill_epochs(service, answer);
    return reason == REASON_NONE ? fill_fleet(service, call->now_ms, answer) : reason;
}
