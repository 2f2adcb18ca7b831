/* SPDX-License-Identifier: Apache-2.0 */
/* moving.c - the operator's half (a home), and the user's (a partition, with the PIN). */
#include "proxy/service/moving.h"

#include <string.h>

#include "proto/name.h"
#include "proxy/service/handlers.h"
#include "proxy/service/partition_home.h"
#include "proxy/service/refusal.h"

void moving_undo(struct moving *moving)
{
    if (moving->custody)
        custody_partition.undo(moving->custody, &moving->token);
}

enum reason moving_begin(struct service *service, const struct call *call, struct bytes new_s,
                         struct moving *moving)
{
    CLEANUP(access_row_clear) struct access_row unused = { 0 };
    struct custody *custody = service->custody[TOKEN_PARTITION];
    CK_RV rv;

    if (call->token.custody != TOKEN_WRAPPED || call->token.home < 0 || call->token.recovery_bits)
        return REASON_MOVE;
    if (!custody)
        return REASON_UNAVAILABLE;
    moving->token = call->token;
    moving->token.custody = TOKEN_PARTITION;
    rv = custody_partition.create(custody, &moving->token, new_s, &unused);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    moving->custody = custody;
    return REASON_NONE;
}

enum reason moving_store(struct service *service, const struct call *call, struct change *change, void *arg)
{
    const struct moving *moving = arg;

    (void)service;
    (void)call;
    if (change->token.custody != TOKEN_WRAPPED || change->token.recovery_bits)
        return REASON_MOVE;
    change->token.custody = TOKEN_PARTITION;
    memcpy(change->token.partition, moving->token.partition, sizeof(change->token.partition));
    return REASON_NONE;
}

/* ----------------------------------------------------------------------------------------------- MoveUser */

/* Asked for twice it is the same: the home it has, it keeps. */
static enum reason give_home(struct service *service, struct call *call, struct token_row *token)
{
    enum reason reason = REASON_NONE;

    if (token->custody != TOKEN_WRAPPED)
        return REASON_ALREADY_EXISTS;
    if (token->home < 0)
        reason = partition_home(service, &token->home, &call->sentence);
    if (reason == REASON_NONE && token->pin_version == 0)
        token->custody = TOKEN_PARTITION;
    return reason;
}

enum reason handle_MoveUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__MoveUserRequest *ask = (const Privyseal__V1__MoveUserRequest *)request;
    Privyseal__V1__MoveUserResponse *answer = (Privyseal__V1__MoveUserResponse *)reply;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)) || ask->custody != (Privyseal__V1__Custody)TOKEN_PARTITION)
        return REASON_MALFORMED;
    call->record.token = ask->user;
    reason = change_begin(service, ask->user, &change);
    if (reason == REASON_NOT_PERMITTED)
        return REASON_NOT_FOUND; /* operators may know */
    if (reason == REASON_NONE)
        reason = give_home(service, call, &change.token);
    if (reason != REASON_NONE)
        return reason;
    answer->moved = change.token.custody == TOKEN_PARTITION;
    return change_commit(service, &change);
}
