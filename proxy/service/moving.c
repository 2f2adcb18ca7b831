/* SPDX-License-Identifier: Apache-2.0 */
/* moving.c - the operator's half (a home), and the user's (a partition, with the PIN). */
#include "proxy/service/moving.h"

#include <stdio.h>
#include <string.h>

#include "proto/name.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/named_token.h"
#include "proxy/service/partition_home.h"
#include "proxy/service/refusal.h"

/* Of CK_TOKEN_INFO.serialNumber: what vendors print. */
#define SERIAL_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:/ "

enum reason moving_begin(struct service *service, struct call *call,
                         const Privyseal__V1__ChangePinRequest *ask, struct creation *moving)
{
    CLEANUP(access_row_clear) struct access_row unused = { 0 };

    if (call->token.custody != TOKEN_WRAPPED || call->token.home < 0 || call->token.recovery_bits)
        return REASON_MOVE;
    moving->token = call->token;
    moving->token.custody = TOKEN_PARTITION;
    return creation_make(service, call, pack_lend(&ask->new_stretched_pin), ask->transport, &unused, moving);
}

enum reason moving_store(struct service *service, const struct call *call, struct change *change, void *arg)
{
    const struct creation *moving = arg;

    (void)service;
    if (change->token.custody != TOKEN_WRAPPED || change->token.recovery_bits ||
        strcmp(change->token.partition, call->token.partition) != 0)
        return REASON_MOVE;
    change->token.custody = TOKEN_PARTITION;
    change->token.recovery_bits = moving->token.recovery_bits;
    memcpy(change->token.partition, moving->token.partition, sizeof(change->token.partition));
    return REASON_NONE;
}

/* ----------------------------------------------------------------------------------------------- MoveUser */

/* Asked for twice it is the same: the home it has, it keeps. */
static enum reason give_home(struct service *service, struct call *call, struct token_row *token)
{
    enum reason reason = REASON_NONE;

    if (token->home < 0)
        reason = partition_home(service, &token->home, &call->sentence);
    if (reason == REASON_NONE && token->pin_version == 0)
        token->custody = TOKEN_PARTITION;
    return reason;
}

/* Any partition signer sees what the HSM has; where none is, the token's own is asked. */
static enum reason bind_partition(struct service *service, struct call *call, const char *serial,
                                  struct token_row *token)
{
    struct custody *custody = service->custody[TOKEN_PARTITION];
    const char *why = NULL;
    CK_RV rv;

    if (!custody) {
        call->reroute_to = token_signer(service->config, token);
        return REASON_UNAVAILABLE;
    }
    rv = custody_partition.check_bound(custody, serial, &why);
    if (why)
        call->record.note = why;
    if (rv != CKR_OK)
        return why ? REASON_PARTITION : refusal_of_rv(rv);
    snprintf(token->partition, sizeof(token->partition), "%s", serial);
    return REASON_NONE;
}

static bool serial_is_valid(const char *serial)
{
    size_t len = strlen(serial);

    return len <= SERIAL_LEN && strspn(serial, SERIAL_CHARACTERS) == len;
}

enum reason handle_MoveUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__MoveUserRequest *ask = (const Privyseal__V1__MoveUserRequest *)request;
    Privyseal__V1__MoveUserResponse *answer = (Privyseal__V1__MoveUserResponse *)reply;
    CLEANUP(change_clear) struct change change = { 0 };
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)) || !serial_is_valid(ask->partition) ||
        ask->custody != (Privyseal__V1__Custody)TOKEN_PARTITION)
        return REASON_MALFORMED;
    call->record.token = ask->user;
    reason = change_begin(service, ask->user, &change);
    if (reason == REASON_NOT_PERMITTED)
        return REASON_NOT_FOUND; /* operators may know */
    if (reason == REASON_NONE && change.token.custody == TOKEN_PARTITION &&
        (change.token.pin_version > 0 || !ask->partition[0]))
        reason = REASON_ALREADY_EXISTS;
    if (reason == REASON_NONE)
        reason = give_home(service, call, &change.token);
    if (reason == REASON_NONE && ask->partition[0])
        reason = bind_partition(service, call, ask->partition, &change.token);
    if (reason != REASON_NONE)
        return reason;
    answer->moved = change.token.custody == TOKEN_PARTITION;
    return change_commit(service, &change);
}
