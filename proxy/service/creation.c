/* SPDX-License-Identifier: Apache-2.0 */
/* creation.c - made, or bound, by what the token's row says. */
#include "proxy/service/creation.h"

#include "proxy/service/message.h"
#include "proxy/service/refusal.h"

void creation_clear(struct creation *creation)
{
    if (creation->ops && creation->binding.has_user)
        creation->ops->unbind(creation->custody, &creation->token, &creation->binding);
    else if (creation->ops)
        creation->ops->undo(creation->custody, &creation->token);
    creation_keep(creation);
}

void creation_keep(struct creation *creation)
{
    creation->ops = NULL;
    binding_clear(&creation->binding);
    creation->binding = (struct binding){ 0 };
}

static enum reason make(const struct custody_ops *ops, struct bytes s, struct access_row *row,
                        struct creation *ret)
{
    CK_RV rv = ops->create(ret->custody, &ret->token, s, row);

    return rv == CKR_TOKEN_NOT_PRESENT ? REASON_UNBOUND : refusal_of_rv(rv);
}

static enum reason bind(struct call *call, const struct custody_ops *ops, struct bytes s,
                        const Privyseal__V1__TransportPins *transport, struct access_row *row,
                        struct creation *ret)
{
    const char *why = NULL;
    CK_RV rv;

    if (!transport || transport->pin.len == 0)
        return REASON_TRANSPORT_PIN;
    if (transport->pin.len > TRANSPORT_PIN_MAX || transport->so_pin.len > TRANSPORT_PIN_MAX)
        return REASON_MALFORMED;
    ret->binding = (struct binding){
        .s = s,
        .pin = pack_lend(&transport->pin),
        .so_pin = pack_lend(&transport->so_pin),
    };
    rv = ops->bind(ret->custody, &ret->token, &ret->binding, row, &why);
    if (!why)
        return refusal_of_rv(rv);
    call->record.note = why;
    return rv == CKR_PIN_INCORRECT ? REASON_TRANSPORT_PIN : REASON_PARTITION;
}

enum reason creation_make(struct service *service, struct call *call, struct bytes s,
                          const Privyseal__V1__TransportPins *transport, struct access_row *row,
                          struct creation *ret)
{
    const struct custody_ops *ops = custody_kinds[ret->token.custody];
    enum reason reason;

    ret->custody = service->custody[ret->token.custody];
    if (!ret->custody)
        return REASON_UNAVAILABLE;
    reason = ret->token.partition[0] && ops->bind ? bind(call, ops, s, transport, row, ret)
                                                  : make(ops, s, row, ret);
    if (reason == REASON_NONE)
        ret->ops = ops;
    return reason;
}
