/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.c - what the deployment tells about itself: who it is, how it fares, what it recorded.
 */
#include <errno.h>

#include "proto/method.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"
#include "proxy/service/seal_chain.h"

enum reason deployment_pin_policy(const struct service_config *config, Privyseal__V1__PinPolicy **ret)
{
    ProtobufCMessage *message = NULL;
    Privyseal__V1__PinPolicy *policy;

    if (message_new(&privyseal__v1__pin_policy__descriptor, &message) < 0)
        return REASON_INTERNAL;
    policy = (Privyseal__V1__PinPolicy *)message;
    policy->min_len = config->pin_min_len;
    policy->max_len = config->pin_max_len;
    policy->classes = config->pin_classes;
    policy->refuse_trivial = config->refuse_trivial_pins;
    *ret = policy;
    return REASON_NONE;
}

enum reason handle_GetDeployment(struct service *service, struct call *call, const ProtobufCMessage *request,
                                 ProtobufCMessage *reply)
{
    Privyseal__V1__GetDeploymentResponse *answer = (Privyseal__V1__GetDeploymentResponse *)reply;

    (void)request;
    answer->argon2_memory_kib = service->config->argon2_memory_kib;
    answer->argon2_passes = service->config->argon2_passes;
    answer->argon2_lanes = service->config->argon2_lanes;
    if (message_set_text(&answer->realm, service->config->realm) < 0 ||
        message_set_text(&answer->version, PRIVYSEAL_VERSION) < 0 ||
        deployment_pin_policy(service->config, &answer->pin_policy) != REASON_NONE)
        return REASON_INTERNAL;
    return seal_chain_fill(service, call->now_ms, &answer->challenge, &answer->n_seal_certificates,
                           &answer->seal_certificates);
}

/* ---------------------------------------------------------------------------------------------- GetStatus */

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

enum reason handle_GetStatus(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    Privyseal__V1__GetStatusResponse *answer = (Privyseal__V1__GetStatusResponse *)reply;
    enum reason reason;
    int r = store_count(service->access.store, &answer->users, &answer->keys);

    (void)call;
    (void)request;
    if (r < 0)
        return refusal_of_store(r);
    answer->leases = leases_count(service->leases);
    answer->started_unix = service->config->started_unix;
    answer->signer = service->config->signer;
    if (message_set_text(&answer->realm, service->config->realm) < 0 ||
        message_set_text(&answer->version, PRIVYSEAL_VERSION) < 0)
        return REASON_INTERNAL;
    reason = fill_hsm(service, answer);
    return reason == REASON_NONE ? fill_epochs(service, answer) : reason;
}

/* --------------------------------------------------------------------------------------------- GetMetrics */

enum reason handle_GetMetrics(struct service *service, struct call *call, const ProtobufCMessage *request,
                              ProtobufCMessage *reply)
{
    Privyseal__V1__GetMetricsResponse *answer = (Privyseal__V1__GetMetricsResponse *)reply;
    CLEANUP(buffer_clear) struct buffer text = { 0 };

    (void)call;
    (void)request;
    if (service->config->metrics)
        metrics_text(service->config->metrics, service->config->proxy, &text);
    return text.failed || message_set_text(&answer->proxy, service->config->proxy) < 0 ||
                   message_set_bytes(&answer->text, buffer_bytes(&text)) < 0
               ? REASON_INTERNAL
               : REASON_NONE;
}
