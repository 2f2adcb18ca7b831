/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset.c - a user who has lost every way back begins anew: keys, certificates and all that opened them are destroyed,
 * the second factor with them (whoever has lost everything has a new telephone, too), and there is a new activation code.
 * It gives nobody the old keys: not the operator, not the user.
 *
 * PIN versions are not used again, so that an old PIN row out of a backup has none that counts.
 */
#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/access/issued.h"
#include "proxy/service/activation.h"
#include "proxy/service/change.h"
#include "proxy/service/destroy.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/notice.h"
#include "proxy/service/refusal.h"
#include "proxy/service/revocation.h"

/* What is no more. */
struct reset {
    struct destroyed destroyed;
    bool had_factor; /* an authenticator */
};

/* Destroys, and lets @code begin anew. */
static enum reason reset_token(struct service *service, struct call *call, struct token_row *token,
                               struct bytes code, int64_t until_ms, struct destroyed *ret)
{
    enum reason reason = revoke_token_certificates(service, token, CRL_SUPERSEDED);

    if (reason == REASON_NONE)
        reason = destroy_contents(service, call, token, ret);
    if (reason == REASON_NONE)
        reason = factor_remove(&service->access, token);
    if (reason == REASON_NONE)
        reason = activation_hmac(service, token->name, code, token->activation);
    token->activation_until_ms = until_ms;
    return reason == REASON_NONE ? attempt_forgive(&service->access, token) : reason;
}

static enum reason store_reset(struct service *service, struct call *call, const char *user,
                               struct bytes code, int64_t until_ms, struct reset *ret)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, user, &change);
    struct token_row before = change.token;

    ret->had_factor = before.factor != FACTOR_NONE;
    if (reason == REASON_NONE)
        reason = reset_token(service, call, &change.token, code, until_ms, &ret->destroyed);
    if (reason == REASON_NONE)
        reason = change_commit(service, &change);
    if (reason == REASON_NONE)
        destroy_finish(service, call, &before);
    return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason; /* operators may know */
}

static void tell(struct service *service, struct call *call, const char *user, const struct reset *reset)
{
    struct notice notice = notice_of(call, "user.reset", user);

    snprintf(call->text.note, sizeof(call->text.note), "keys=%u certificates=%u factors=%u",
             reset->destroyed.keys, reset->destroyed.certificates, (unsigned)reset->had_factor);
    call->record.note = call->text.note;
    notice_add(&notice, "destroyed", call->text.note);
    notice_send(service, &notice);
}

enum reason handle_ResetUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__ResetUserRequest *ask = (const Privyseal__V1__ResetUserRequest *)request;
    Privyseal__V1__ResetUserResponse *answer = (Privyseal__V1__ResetUserResponse *)reply;
    CLEANUP(secret_free) struct secret *code = NULL;
    struct reset reset = { 0 };
    int64_t until_ms = 0;
    enum reason reason = activation_until(call->now_ms, ask->activation_hours, &until_ms);

    if (!name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = ask->user;
    if (reason == REASON_NONE && secret_random(ACTIVATION_CODE_LEN, &code) < 0)
        reason = REASON_INTERNAL;
    if (reason == REASON_NONE)
        reason = store_reset(service, call, ask->user, secret_bytes(code), until_ms, &reset);
    if (reason != REASON_NONE)
        return reason;
    tell(service, call, ask->user, &reset);
    answer->expires_unix = (uint64_t)until_ms / 1000;
    answer->keys = reset.destroyed.keys;
    answer->certificates = reset.destroyed.certificates;
    answer->factor = reset.had_factor;
    return message_set_bytes(&answer->activation_code, secret_bytes(code)) < 0 ? REASON_INTERNAL
                                                                               : REASON_NONE;
}
