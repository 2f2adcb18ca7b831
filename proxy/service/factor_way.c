/* SPDX-License-Identifier: Apache-2.0 */
/* factor_way.c - by code, by ticket, by having a code sent, or not at all. */
#include "proxy/service/factor_way.h"

#include "proxy/service/message.h"

#define HOUR_MS INT64_C(3600000)

/* With nothing given: an authenticator's code has to be; another one can be sent. */
static enum reason find_without(struct service *service, struct call *call, struct factor_way *way)
{
    uint32_t wait_ms = 0;
    enum reason reason;

    if (way->factor != FACTOR_SENT)
        return REASON_CODE_REQUIRED;
    if (!service->config->has_herald) {
        call->sentence =
            "This server has nobody to send codes by; the operator sets [notice] command or webhook.";
        return REASON_UNAVAILABLE;
    }
    reason = factor_send_wait(&service->access, &call->token, call->now_ms, &wait_ms);
    if (reason != REASON_NONE)
        return reason;
    call->failure.retry_after_ms = wait_ms;
    way->kind = FACTOR_WAY_REQUEST;
    return wait_ms ? REASON_CODE_SENT_IF_RIGHT : REASON_NONE;
}

enum reason factor_way_find(struct service *service, struct call *call, const struct pin_proof *proof,
                            struct factor_way *ret)
{
    struct factor_way way = { .factor = factor_in_force(&call->token) };
    enum reason reason = REASON_NONE;

    if (way.factor == FACTOR_NONE) {
        way.kind = FACTOR_WAY_NONE;
    } else if (factor_is_missing(&call->token)) {
        way.kind = FACTOR_WAY_ENROL;
    } else if (proof->code.len) {
        way.kind = FACTOR_WAY_CODE;
        way.ticket_ends_ms = call->now_ms + (int64_t)service->config->ticket_hours * HOUR_MS;
        reason = factor_code_is_valid(proof->code) ? REASON_NONE : REASON_MALFORMED;
    } else if (proof->ticket.len) {
        way.kind = FACTOR_WAY_TICKET;
        reason = ticket_check(&service->access, &call->token, call->caller.certificate_hash, proof->ticket,
                              call->now_ms, &way.ticket_ends_ms);
    } else {
        reason = find_without(service, call, &way);
    }
    *ret = way;
    return reason;
}

enum reason factor_way_ticket(struct service *service, const struct call *call, const struct token_row *token,
                              const struct factor_way *way, bool is_renewed, ProtobufCBinaryData *field)
{
    uint8_t ticket[TICKET_LEN];
    enum reason reason;

    if (way->ticket_ends_ms <= call->now_ms || (way->kind != FACTOR_WAY_CODE && !is_renewed))
        return REASON_NONE;
    reason = ticket_make(&service->access, token, call->caller.certificate_hash, way->ticket_ends_ms, ticket);
    if (reason == REASON_NONE && message_set_bytes(field, BYTES_OF_ARRAY(ticket)) < 0)
        reason = REASON_INTERNAL;
    return reason;
}
