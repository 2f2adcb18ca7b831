/* SPDX-License-Identifier: Apache-2.0 */
/* permits.c - what lets a user make keys, where the token's policy asks for a permit for each. */
#include <stdio.h>

#include "proto/name.h"
#include "proxy/service/change.h"
#include "proxy/service/handlers.h"

static enum reason add_permits(struct service *service, struct call *call, const char *user, uint32_t count,
                               uint32_t *ret)
{
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason = change_begin(service, user, &change);
    struct token_policy *policy = &change.token.policy;

    if (reason != REASON_NONE)
        return reason == REASON_NOT_PERMITTED ? REASON_NOT_FOUND : reason; /* operators may know */
    if (!policy->keys_need_permit) {
        call->sentence =
            "This user's keys need no permit: the policy setting keys_need_permit makes them need one.";
        return REASON_NOT_FOUND;
    }
    if (count > KEYS_PER_TOKEN_MAX - policy->key_permits)
        return REASON_LIMIT;
    policy->key_permits += count;
    *ret = policy->key_permits;
    return change_commit(service, &change);
}

enum reason handle_AllowKeys(struct service *service, struct call *call, const ProtobufCMessage *request,
                             ProtobufCMessage *reply)
{
    const Privyseal__V1__AllowKeysRequest *ask = (const Privyseal__V1__AllowKeysRequest *)request;
    Privyseal__V1__AllowKeysResponse *answer = (Privyseal__V1__AllowKeysResponse *)reply;

    if (!name_is_valid(bytes_of_text(ask->user)) || ask->count == 0)
        return REASON_MALFORMED;
    call->record.token = ask->user;
    snprintf(call->text.note, sizeof(call->text.note), "%u", ask->count);
    call->record.note = call->text.note;
    return add_permits(service, call, ask->user, ask->count, &answer->permits);
}
