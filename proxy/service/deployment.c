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
