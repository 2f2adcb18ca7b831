/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority_ask.c - what anybody may ask the authorities, over plain HTTP: every answer is signed, or public.
 */
#include "proto/pack.h"
#include "proxy/service/ca_status.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"

typedef Privyseal__V1__AskAuthorityRequest ask_request;

static enum reason answer_certificate(struct service *service, const struct ca *ca, const struct call *call,
                                      struct bytes *ret, int64_t *ret_until_ms)
{
    (void)service;
    *ret = buffer_bytes(&ca->der);
    *ret_until_ms = call->now_ms + 86400000;
    return REASON_NONE;
}

static enum reason answer_crl(struct service *service, const struct ca *ca, const struct call *call,
                              struct bytes *ret, int64_t *ret_until_ms)
{
    return ca_status_crl(service, ca, call->now_ms, ret, ret_until_ms);
}

/* Of one authority; an OCSP request names its own. */
static enum reason ask_one(struct service *service, struct call *call, const ask_request *ask,
                           Privyseal__V1__AskAuthorityResponse *answer)
{
    bool is_crl = ask->question == PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_CRL;
    const struct ca *ca =
        ask->authority < AUTHORITIES ? ca_find(service, (enum authority)ask->authority) : NULL;
    struct bytes der;
    int64_t until_ms;
    enum reason reason;

    if (!ca)
        return REASON_NO_AUTHORITY;
    reason = (is_crl ? answer_crl : answer_certificate)(service, ca, call, &der, &until_ms);
    if (reason != REASON_NONE)
        return reason;
    answer->until_unix = (uint64_t)until_ms / 1000;
    return message_set_bytes(&answer->der, der) < 0 ? REASON_INTERNAL : REASON_NONE;
}

static enum reason ask_ocsp(struct service *service, struct call *call, const ask_request *ask,
                            Privyseal__V1__AskAuthorityResponse *answer)
{
    CLEANUP(buffer_clear) struct buffer der = { 0 };
    int64_t until_ms;
    enum reason reason =
        ca_status_ocsp(service, pack_lend(&ask->ocsp_request), call->now_ms, &der, &until_ms);

    if (reason != REASON_NONE)
        return reason;
    answer->until_unix = (uint64_t)until_ms / 1000;
    return message_set_bytes(&answer->der, buffer_bytes(&der)) < 0 ? REASON_INTERNAL : REASON_NONE;
}

enum reason handle_AskAuthority(struct service *service, struct call *call, const ProtobufCMessage *request,
                                ProtobufCMessage *reply)
{
    const ask_request *ask = (const ask_request *)request;
    Privyseal__V1__AskAuthorityResponse *answer = (Privyseal__V1__AskAuthorityResponse *)reply;

    switch (ask->question) {
    case PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_OCSP:
        return ask_ocsp(service, call, ask, answer);
    case PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_CRL:
    case PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_CERTIFICATE:
        return ask_one(service, call, ask, answer);
    default:
        return REASON_MALFORMED;
    }
}
